"""Streams in memory: pages share their chunks, and a commit that fails leaves them as they were."""

import pytest

from perdure.testing.conformance.sample import (
    append_to,
    born,
    chunks_of,
    done,
    fails,
    hook_of,
    record_of,
    registering,
    run_id,
    stream_of,
    texts_of,
    writing,
)
from perdure.worlds.memory import MemoryWorld
from tests.worlds.memory.untouchable import Untouchable

pytestmark = pytest.mark.anyio


async def test_bytes_are_kept_once() -> None:
    world = MemoryWorld()
    await born(world)
    data = bytes(1000)
    await done(world, writing(1, 0, chunks_of(1, "", data)))
    [chunk] = (await stream_of(world)).chunks
    assert chunk.data is data
    assert (await stream_of(world)).chunks[0] is chunk


async def test_a_commit_that_fails_leaves_all_streams_as_they_were() -> None:
    world = MemoryWorld()
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t")))
    await done(world, writing(1, 0, chunks_of(1, "", b"a"), seq=4))
    more = writing(1, 1, chunks_of(1, "", b"b"), chunks_of(1, "new", b"c", close=True), seq=4)
    await fails(world, more, registering(1, 4, hook_of("a", "s")))
    assert await texts_of(world) == [b"a"]
    assert [stream.stream for stream in await world.streams.list(run_id(1))] == [""]
    assert (await record_of(world)).writes == 1


async def test_nobody_looks_at_the_streams_of_other_runs() -> None:
    world = MemoryWorld()
    await born(world)
    world._state.streams[run_id(2)] = Untouchable({"": None})
    await done(world, writing(1, 0, chunks_of(1, "", b"a")))
    assert await texts_of(world) == [b"a"]
    assert len(await world.streams.list(run_id(1))) == 1
    await done(world, append_to(1, 3, status="failed"))
    await done(world, append_to(1, 4, seize=True, status="running"))
    with pytest.raises(RuntimeError):
        await world.streams.list(run_id(2))
