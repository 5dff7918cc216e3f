"""`refused` and `fails` see what they are there to see."""

import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    append_to,
    born,
    done,
    everything,
    fails,
    letter_to,
    mail_of,
    refused,
    sent,
    start_of,
)
from perdure.world import Refusal
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


async def test_everything_tells_logs_and_mail() -> None:
    world = MemoryWorld(clock=VirtualClock())
    seen = [await everything(world)]
    await born(world)
    seen.append(await everything(world))
    await done(world, append_to(1, 3))
    seen.append(await everything(world))
    await sent(world, letter_to(1))
    seen.append(await everything(world))
    assert all(one != other for i, one in enumerate(seen) for other in seen[i + 1 :])
    assert await mail_of(world) == ["mail_1"]
