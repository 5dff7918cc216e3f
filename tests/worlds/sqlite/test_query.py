from pathlib import Path

import pytest

from perdure.testing.conformance.sample import born, do, run_id, start_of
from perdure.worlds.sqlite.query import has_attributes
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("attributes", "wanted", "has"),
    [
        (None, '{"a": "b"}', False),
        ('{"a": "b", "c": "d"}', '{"a": "b"}', True),
        ('{"a": "b"}', '{"a": "b", "c": "d"}', False),
        ('{"a": "b"}', '{"a": "B"}', False),
    ],
)
def test_has_attributes(attributes: str | None, wanted: str, has: bool) -> None:
    assert has_attributes(attributes, wanted) is has


async def test_a_log_is_one_snapshot_and_leaves_nothing_open(tmp_path: Path) -> None:
    """A reader that stayed in its transaction would never see what is written later."""
    async with opened(tmp_path) as world:
        assert await world.read_log(run_id(1)) is None
        await born(world)
        for number in range(2, 8):
            for _ in range(3):  # both readers
                log = await world.read_log(run_id(1))
                assert log is not None
                assert log.run.length == len(log.rows) == 2
            await do(world, start_of(number))
            assert await world.read_run(run_id(number)) is not None
            assert await world.read_log(run_id(number)) is not None
