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
    hook_of,
    hook_with,
    letter_to,
    log_of,
    record_of,
    refused,
    row,
    run_id,
    sent,
    start_of,
)
from perdure.world import Appended, Refusal, Refused, Started, World


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


async def a_start_and_a_seizure_in_one_commit(world: World, clock: VirtualClock) -> None:
    """A new run with a log that was taken over: its rows keep their times, its hooks are open, and anybody may claim it."""
    now_ms = clock()
    created, asked = row("run_started", turn=0, key=""), row("hook_created", key=hook_of().key)
    start = start_of(1, attributes={"a": "b"})
    append = append_to(
        1, 2, epoch=0, seize=True, rows=(created, asked), status="running", times_ms=(7, 9), hooks=(hook_of(row=1),)
    )
    started, appended = await world.commit([start, append])
    assert isinstance(started, Started), started
    assert isinstance(appended, Appended), appended
    assert (started.created, started.owned, appended.at_ms) == (True, False, now_ms)
    log = await log_of(world)
    assert [(event.seq, event.epoch, event.at_ms) for event in log.rows] == [(1, 0, now_ms), (2, 1, 7), (3, 1, 9)]
    assert (log.run.status, log.run.length, log.run.attributes) == ("running", 3, {"a": "b"})
    found = await hook_with(world)
    assert (found.run_id, found.seq, found.closed, found.created_at_ms) == (run_id(1), 3, False, now_ms)
    again, refusal = await world.commit([start, append])
    assert isinstance(again, Started), again
    assert not again.created
    assert isinstance(refusal, Refused), refusal
    assert await log_of(world) == log
    await beat(world)
    [claimed] = await claim_all(world)
    assert (claimed.run_id, claimed.epoch, claimed.length) == (run_id(1), 2, 3)
    clock.advance(20)
    await done(world, append_to(1, 4, epoch=2, owner=TWO))
    assert [event.at_ms for event in (await log_of(world)).rows] == [now_ms, 7, 9, clock()]


async def what_is_taken_over_may_be_ahead_of_the_clock(world: World, clock: VirtualClock) -> None:
    """The clock was set back since: what follows has no earlier `at`."""
    now_ms = clock()
    append = append_to(
        1, 2, epoch=0, seize=True, rows=(row("run_started"),), status="running", times_ms=(now_ms + 500,)
    )
    _, appended = await world.commit([start_of(1), append])
    assert isinstance(appended, Appended), appended
    await beat(world)
    await claim_all(world)
    clock.advance(100)
    await done(world, append_to(1, 3, epoch=2, owner=TWO))
    assert [event.at_ms for event in (await log_of(world)).rows] == [now_ms, now_ms + 500, now_ms + 500]
    clock.advance(900)
    await done(world, append_to(1, 4, epoch=2, owner=TWO))
    assert (await log_of(world)).rows[-1].at_ms == clock()


CHECKS: tuple[Check, ...] = (
    a_seizure_fences_the_owner,
    a_seizure_compares_epoch_and_place,
    a_seizure_without_rows_has_no_place,
    a_seized_run_wakes_at_its_time,
    a_seized_run_is_claimable_at_once_when_the_clock_went_back,
    a_seizure_can_end_a_run,
    a_blocked_run_is_seized_to_run_again,
    an_ended_run_is_seized_only_to_run_again,
    a_start_and_a_seizure_in_one_commit,
    what_is_taken_over_may_be_ahead_of_the_clock,
)
