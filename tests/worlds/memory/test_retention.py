"""What is removed leaves nothing in memory."""

import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import append_to, born, chunks_of, done, hook_of, registering, writing
from perdure.worlds.memory import MemoryWorld


@pytest.mark.anyio
async def test_nothing_is_left() -> None:
    world = MemoryWorld(clock=VirtualClock())
    await born(world, idempotency_key="key")
    await done(world, registering(1, 3, hook_of("a"), hook_of("b", "other hash")))
    await done(world, writing(1, 0, chunks_of(1, "", b"x"), seq=5))
    await done(world, append_to(1, 5, status="completed"))
    assert await world.retention.prune(0, 1) == 1
    state = world._state
    assert (state.runs, state.keys, state.hooks, state.tokens, state.streams) == ({}, {}, {}, {}, {})
