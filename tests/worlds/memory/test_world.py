"""The memory World passes the suite of all Worlds, and keeps its own promises."""

import asyncio
import threading

import pytest

from perdure.testing.conformance import CHECKS, Check, VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    append_to,
    beat,
    born,
    do,
    done,
    fails,
    letter_to,
    record_of,
    sent,
    start_of,
)
from perdure.world import RunFilter, Send
from perdure.worlds.memory import MemoryWorld

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(check: Check) -> None:
    clock = VirtualClock()
    world = MemoryWorld(clock=clock)
    await world.open()
    await check(world, clock)
    await world.close()


def test_calls_never_suspend() -> None:
    async def calls() -> None:
        world = MemoryWorld()
        await born(world)
        await done(world, append_to(1, 3))
        await world.list_runs(RunFilter())

    with pytest.raises(StopIteration):
        calls().send(None)


async def test_a_commit_is_done_when_it_is_called() -> None:
    world = MemoryWorld()
    later = world.commit([start_of(1)])
    assert await world.read_run(start_of(1).run_id) is not None
    await later


async def test_each_is_a_store_of_its_own_and_closing_forgets_nothing() -> None:
    one, other = MemoryWorld(), MemoryWorld()
    assert one.url == "memory://"
    await do(one, start_of(1))
    await one.close()
    await one.close()
    await one.open()
    assert await one.read_run(start_of(1).run_id) is not None
    assert await other.read_run(start_of(1).run_id) is None


async def test_hints_tell_of_what_others_may_claim() -> None:
    world = MemoryWorld()
    heard: list[int] = []
    stop = world.subscribe(lambda: heard.append(1))
    await born(world, 1)
    await done(world, append_to(1, 3))
    assert heard == []
    await do(world, start_of(2))
    await sent(world, letter_to(1))
    await done(world, append_to(1, 4, release=True, hand_back=True))
    await born(world, 5)
    await fails(world, start_of(3), append_to(5, 3, rows=(None,)))
    assert len(heard) == 3
    await do(world, Send(letter=letter_to(5, "own"), owner=ONE))
    assert len(heard) == 3, "it is for the sender's own worker"
    await do(world, Send(letter=letter_to(5, "another's"), owner=TWO))
    assert len(heard) == 4
    stop()
    stop()
    await do(world, start_of(4))
    assert len(heard) == 4


async def test_heartbeats_come_from_another_thread() -> None:
    world = MemoryWorld()
    await born(world)
    beats = 200

    def beating() -> None:
        for _ in range(beats):
            asyncio.run(beat(world))

    threads = [threading.Thread(target=beating) for _ in range(2)]
    for thread in threads:
        thread.start()
    for seq in range(3, 300):
        await done(world, append_to(1, seq))
    for thread in threads:
        thread.join()
    assert (await record_of(world)).length == 299
