import pytest

from perdure.testing.conformance.sample import do, start_of
from perdure.world import RunFilter
from perdure.worlds.memory import MemoryWorld


@pytest.mark.anyio
async def test_an_empty_filter_takes_all() -> None:
    world = MemoryWorld()
    await do(world, start_of(1))
    assert len((await world.list_runs(RunFilter())).runs) == 1
    assert (await world.list_runs(RunFilter(limit=0))).more
