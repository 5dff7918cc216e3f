"""Pins: runs that only workers of one deployment may claim."""

from perdure.model.ids import RunId, WorkerId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    LEASE_MS,
    ONE,
    TWO,
    Check,
    append_to,
    beat,
    born,
    do,
    done,
    letter_to,
    record_of,
    refused,
    run_id,
    sent,
    start_of,
)
from perdure.world import Claim, Refusal, World

BLUE, GREEN = "blue", "Blue"


async def a_pinned_run_is_claimed_by_its_deployment_alone(world: World, clock: VirtualClock) -> None:
    """Runs of the dead, runs with mail, and what is due."""
    await born(world, 1, pin=BLUE)
    await do(world, start_of(2, pin=BLUE, wake_at_ms=clock() + 10**9))
    await sent(world, letter_to(2))
    await do(world, start_of(3, pin=BLUE))
    await do(world, start_of(4))
    clock.advance(LEASE_MS)
    assert (await record_of(world, 1)).pin == BLUE
    assert (await record_of(world, 4)).pin == ""
    assert await _claimed(world, GREEN) == [run_id(4)]
    assert await _claimed(world, "") == [run_id(4)]
    assert await _claimed(world, BLUE) == [run_id(1), run_id(2), run_id(3), run_id(4)]


async def a_pin_leaves_room_for_others_in_a_claim(world: World, clock: VirtualClock) -> None:
    """What may not be claimed doesn't count towards the limit."""
    await beat(world, ONE)
    for number in range(1, 6):
        await do(world, start_of(number, pin=BLUE))
        await do(world, start_of(number + 10, pin=BLUE, owner=ONE))
        await sent(world, letter_to(number))
    for number in (21, 22):
        await do(world, start_of(number))
    await do(world, start_of(23, owner=ONE))
    await world.retire(ONE, died=False)
    assert await _claimed(world, GREEN, limit=3) == [run_id(21), run_id(22), run_id(23)]


async def what_is_due_is_asked_for_a_deployment(world: World, clock: VirtualClock) -> None:
    now_ms = clock()
    await do(world, start_of(1, pin=BLUE, wake_at_ms=now_ms + 10))
    await do(world, start_of(2, wake_at_ms=now_ms + 30))
    assert await world.next_due_ms((FLOW,), GREEN) == now_ms + 30
    assert await world.next_due_ms((FLOW,)) == now_ms + 30
    assert await world.next_due_ms((FLOW,), BLUE) == now_ms + 10
    await do(world, start_of(3, wake_at_ms=now_ms + 5))
    assert await world.next_due_ms((FLOW,), BLUE) == now_ms + 5


async def a_run_is_moved_to_another_deployment(world: World, clock: VirtualClock) -> None:
    await born(world, pin=BLUE)
    await refused(world, append_to(1, 3, epoch=2, seize=True, pin=GREEN), Refusal.FENCED)
    await done(world, append_to(1, 3, owner=TWO, seize=True, pin=GREEN))
    record = await record_of(world)
    assert (record.pin, record.owner, record.epoch, record.length) == (GREEN, None, 2, 3)
    await refused(world, append_to(1, 4), Refusal.FENCED)
    assert await _claimed(world, BLUE) == []
    assert await _claimed(world, GREEN) == [run_id(1)]
    await done(world, append_to(1, 4, owner=_claimer(GREEN), epoch=3))
    assert (await record_of(world)).pin == GREEN
    await done(world, append_to(1, 5, epoch=3, seize=True, pin=""))
    assert (await record_of(world)).pin == ""
    assert await _claimed(world, BLUE) == [run_id(1)]


async def a_blocked_run_is_moved_and_stays_blocked(world: World, clock: VirtualClock) -> None:
    await born(world, pin=BLUE)
    await done(world, append_to(1, 3, status="blocked"))
    await done(world, append_to(1, 4, seize=True, pin=GREEN))
    record = await record_of(world)
    assert (record.pin, record.status, record.wake_at_ms) == (GREEN, "blocked", None)
    assert await _claimed(world, GREEN) == []


async def children_have_pins_of_their_own(world: World, clock: VirtualClock) -> None:
    await born(world, pin=BLUE)
    await done(world, append_to(1, 3, children=(start_of(2, pin=BLUE), start_of(3))))
    assert [(await record_of(world, number)).pin for number in (2, 3)] == [BLUE, ""]


async def _claimed(world: World, deployment: str, limit: int = 100) -> list[RunId]:
    """By a worker without a lease: the next one takes them over."""
    claim = Claim(worker_id=_claimer(deployment), workflows=(FLOW,), limit=limit, deployment=deployment)
    return sorted(claimed.run_id for claimed in await world.claim(claim))


def _claimer(deployment: str) -> WorkerId:
    return WorkerId(f"wrkr_of_{deployment}")


CHECKS: tuple[Check, ...] = (
    a_pinned_run_is_claimed_by_its_deployment_alone,
    a_pin_leaves_room_for_others_in_a_claim,
    what_is_due_is_asked_for_a_deployment,
    a_run_is_moved_to_another_deployment,
    a_blocked_run_is_moved_and_stays_blocked,
    children_have_pins_of_their_own,
)
