"""Walking over all runs."""

import pytest

from perdure.engine.listing import walk_runs
from perdure.testing.conformance.sample import run_id, start_of
from perdure.world import RunFilter
from tests.engine.stage import Stage


def test_walking_over_all_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.engine.listing.PAGE", 2)
    stage = Stage()

    async def scene() -> None:
        await stage.world.commit(
            [start_of(number, workflow="app:other" if number == 3 else "app:one") for number in range(1, 7)]
        )
        walked = [run.run_id async for run in walk_runs(stage.world, RunFilter(workflow="app:one", limit=1))]
        assert walked == [run_id(number) for number in (6, 5, 4, 2, 1)]

    stage.play(scene)
