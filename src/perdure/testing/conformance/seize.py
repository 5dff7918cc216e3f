"""Take-over: somebody who doesn't own a run writes, and so fences its owner."""

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    ONE,
    TWO,
    Check,
    append_to,
    beat,
    born,
    claim_all,
    done,
    letter_to,
    log_of,
    record_of,
    refused,
    run_id,
    sent,
)
from perdure.world import Refusal, World


async def a_seizure_fences_the_owner(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(20)
    await done(world, append_to(1, 3, owner=TWO, seize=True))
    log = await log_of(world)
    assert (log.run.owner, log.run.epoch, log.run.status, log.run.length) == (None, 2, "running", 3)
    assert [event.epoch for event in log.rows] == [1, 1, 2]
    await refused(world, append_to(1, 4), Refusal.FENCED)
    await refused(world, append_to(1, 4, epoch=2), Refusal.FENCED)
    assert await world.owned(ONE) == []
    [claimed] = await claim_all(world)
    assert (claimed.run_id, claimed.epoch, claimed.length, claimed.died) == (run_id(1), 3, 3, False)


async def a_seizure_compares_epoch_and_place(world: World, clock: VirtualClock) -> None:
    await born(world)
    await refused(world, append_to(1, 3, seize=True, epoch=2), Refusal.FENCED)
    await refused(world, append_to(1, 3, seize=True, epoch=0), Refusal.FENCED)
    await refused(world, append_to(1, 4, seize=True), Refusal.PLACE)
    await refused(world, append_to(2, 1, seize=True), Refusal.UNKNOWN)
    await refused(world, append_to(1, 3, seize=True, due_ms=clock() + 1), Refusal.EARLY)


async def a_seizure_without_rows_has_no_place(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 0, seize=True, rows=(), wake_at_ms=clock() + 5000))
    record = await record_of(world)
    assert (record.owner, record.epoch, record.length, record.wake_at_ms) == (None, 2, 2, clock() + 5000)
    await refused(world, append_to(1, 0, seize=True, rows=()), Refusal.FENCED)


async def a_seized_run_wakes_at_its_time(world: World, clock: VirtualClock) -> None:
    await born(world)
    wake_at_ms = clock() + 100
    await done(world, append_to(1, 3, seize=True, wake_at_ms=wake_at_ms))
    assert await world.next_due_ms((FLOW,)) == wake_at_ms
    assert await claim_all(world) == []
    clock.advance(100)
    assert len(await claim_all(world)) == 1


async def a_seized_run_is_claimable_at_once_when_the_clock_went_back(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(-60_000)
    await done(world, append_to(1, 3, seize=True))
    assert len(await claim_all(world)) == 1


async def a_seizure_can_end_a_run(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1))
    await refused(world, append_to(1, 3, seize=True, status="cancelled"), Refusal.MAIL)
    await done(world, append_to(1, 3, seize=True, status="cancelled", mail_taken=("mail_1",)))
    record = await record_of(world)
    assert (record.status, record.owner, record.epoch, record.wake_at_ms) == ("cancelled", None, 2, None)
    assert record.ended_at_ms == clock()


async def a_blocked_run_is_seized_to_run_again(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, status="blocked"))
    await done(world, append_to(1, 4, seize=True))
    record = await record_of(world)
    assert (record.status, record.wake_at_ms, record.epoch) == ("blocked", None, 2)
    assert await claim_all(world) == []
    await done(world, append_to(1, 5, epoch=2, seize=True, status="running"))
    assert (await record_of(world)).wake_at_ms == clock()
    [claimed] = await claim_all(world)
    assert (claimed.run_id, claimed.status, claimed.epoch) == (run_id(1), "running", 4)


async def an_ended_run_is_seized_only_to_run_again(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, status="failed"))
    await refused(world, append_to(1, 4, seize=True), Refusal.ENDED)
    await refused(world, append_to(1, 4, seize=True, status="cancelled"), Refusal.ENDED)
    await refused(world, append_to(1, 4, seize=True, status="blocked"), Refusal.ENDED)
    await refused(world, append_to(1, 4, epoch=2, seize=True, status="running"), Refusal.FENCED)
    await done(world, append_to(1, 4, seize=True, status="running"))
    record = await record_of(world)
    assert (record.status, record.ended_at_ms, record.epoch, record.wake_at_ms) == ("running", None, 2, clock())
    await sent(world, letter_to(1))
    assert (await record_of(world)).mail == 1
    await beat(world, ONE)
    [claimed] = await claim_all(world, ONE)
    await done(world, append_to(1, 5, epoch=claimed.epoch, status="completed", mail_taken=("mail_1",)))


CHECKS: tuple[Check, ...] = (
    a_seizure_fences_the_owner,
    a_seizure_compares_epoch_and_place,
    a_seizure_without_rows_has_no_place,
    a_seized_run_wakes_at_its_time,
    a_seized_run_is_claimable_at_once_when_the_clock_went_back,
    a_seizure_can_end_a_run,
    a_blocked_run_is_seized_to_run_again,
    an_ended_run_is_seized_only_to_run_again,
)
