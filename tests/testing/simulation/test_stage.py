"""Code finds the process that runs it: one of a simulation by its loop, a real one as the only one there is."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from perdure.engine.engine import Engine
from perdure.testing.simulation import stage
from perdure.testing.simulation.stage import Stage, current_stage, enter
from tests.testing.simulation.site import site


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_real", [])


def test_code_of_a_simulation_knows_its_process() -> None:
    with site() as here:
        one, two = here.worker("one"), here.worker("two")

        async def whose(engine: Engine) -> Stage:
            return current_stage()

        assert [here.ask(process, whose) for process in (one, two)] == [one.stage, two.stage]


def test_a_real_process_has_one_stage_also_in_threads_and_a_simulation_in_it_has_its_own() -> None:
    real = cast(Any, object())
    enter(real)

    async def whose() -> Stage:
        return current_stage()

    assert asyncio.run(whose()) is real
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(current_stage).result() is real
    test_code_of_a_simulation_knows_its_process()


def test_elsewhere_there_is_none() -> None:
    with pytest.raises(AssertionError, match="only code of a simulation, or of a real process's stage, has one"):
        current_stage()
