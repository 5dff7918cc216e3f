"""`refused` and `fails` see what they are there to see."""

import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    append_to,
    born,
    chunks_of,
    done,
    everything,
    fails,
    hook_of,
    hook_with,
    letter_to,
    mail_of,
    refused,
    registering,
    run_id,
    sent,
    start_of,
    stream_of,
    texts_of,
    writing,
)
from perdure.world import HookClosing, Refusal
from perdure.worlds.memory import MemoryWorld

pytestmark = pytest.mark.anyio


async def test_refused_wants_this_refusal() -> None:
    world = MemoryWorld(clock=VirtualClock())
    await born(world)
    await refused(world, append_to(1, 9), Refusal.PLACE)
    with pytest.raises(AssertionError):
        await refused(world, append_to(1, 9), Refusal.FENCED)
    with pytest.raises(AssertionError):
        await refused(world, append_to(1, 3), Refusal.PLACE)


async def test_done_wants_an_append() -> None:
    world = MemoryWorld(clock=VirtualClock())
    with pytest.raises(AssertionError):
        await done(world, append_to(1, 3, owner=ONE))


async def test_fails_wants_a_failure() -> None:
    world = MemoryWorld(clock=VirtualClock())
    with pytest.raises(AssertionError, match="should have failed"):
        await fails(world, start_of(1))


async def test_everything_tells_logs_mail_hooks_and_streams() -> None:
    world = MemoryWorld(clock=VirtualClock())
    seen = [await everything(world)]
    await born(world)
    seen.append(await everything(world))
    await done(world, append_to(1, 3))
    seen.append(await everything(world))
    await sent(world, letter_to(1))
    seen.append(await everything(world))
    await done(world, registering(1, 4, hook_of("a", "t")))
    seen.append(await everything(world))
    await done(world, append_to(1, 5, rows=(), hooks=(HookClosing(key="a"),)))
    seen.append(await everything(world))
    await done(world, writing(1, 0, chunks_of(1, "", b"x"), seq=5))
    seen.append(await everything(world))
    await done(world, writing(1, 1, chunks_of(1, "", close=True), seq=5))
    seen.append(await everything(world))
    assert all(one != other for i, one in enumerate(seen) for other in seen[i + 1 :])
    assert await mail_of(world) == ["mail_1"]


async def test_registering_places_its_hooks() -> None:
    world = MemoryWorld(clock=VirtualClock())
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "s"), hook_of("b", "t")))
    assert [((await hook_with(world, token)).key, (await hook_with(world, token)).seq) for token in "st"] == [
        ("a", 3),
        ("b", 4),
    ]
    with pytest.raises(AssertionError):
        await hook_with(world, "r")


async def test_a_stream_is_read_to_its_end() -> None:
    world = MemoryWorld(clock=VirtualClock())
    await born(world)
    texts = [b"%d" % number for number in range(2500)]
    await done(world, writing(1, 0, chunks_of(1, "x", *texts)))
    assert await texts_of(world, 1, "x") == texts
    assert (await stream_of(world, 1, "x")).record.length == 2500
    streams = world._state.streams[run_id(1)]
    chunks = streams["x"].chunks
    streams["x"] = type(streams["x"])(chunks=(chunks[1], *chunks[1:]))
    with pytest.raises(AssertionError):
        await texts_of(world, 1, "x")
