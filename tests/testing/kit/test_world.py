"""A lab's World: copies of any moment, and deaths by appointment."""

import pytest

from perdure import start
from perdure.engine.log import read_log
from perdure.model.ids import RunId
from perdure.testing import Lab
from perdure.testing.kit.clock import Clock
from perdure.testing.kit.world import LabWorld
from perdure.worlds.memory import MemoryWorld
from tests.testing.kit.refunds import nap, pay

pytestmark = pytest.mark.anyio


async def test_a_copy_is_as_the_world_was_but_for_its_workers(lab: Lab) -> None:
    run = await start(nap, "7d")
    await lab.wait_for_sleep(run)
    world = lab.bench.world
    length, count = (await read_log(world, RunId(run.run_id))).run.length, len(world.deeds)
    await lab.advance("7d")
    copy = await world.as_of(count)
    log = await read_log(copy, RunId(run.run_id))
    assert (log.run.length, log.run.status) == (length, "running")
    assert log.rows == (await read_log(world, RunId(run.run_id))).rows[:length]
    assert all(not worker.leased for worker in await copy.workers())
    assert copy.now_ms() < world.now_ms()
    assert len((await read_log(await world.as_of(len(world.deeds)), RunId(run.run_id))).rows) > length


@pytest.mark.parametrize(("moment", "kept"), [("before", 0), ("after", 2)])
async def test_a_death_by_appointment(lab: Lab, moment: str, kept: int) -> None:
    run = await start(pay, "o-1")
    world = lab.bench.world
    world.kill_at(RunId(run.run_id), moment)  # type: ignore[arg-type]
    await lab.rest()
    assert world.killed
    assert (await read_log(world, RunId(run.run_id))).run.length == 2 + kept
    [engine] = lab.bench.engines()
    engine.abandon()
    world.bury()
    await engine.crash()
    assert await run.result() == "re-o-1"
    world.bury()


async def test_it_is_a_memory_world_otherwise() -> None:
    world = LabWorld(Clock(7))
    assert isinstance(world, MemoryWorld)
    assert (world.url, world.now_ms(), await world.runs(), await world.wake_ms()) == ("lab://", 7, (), None)
