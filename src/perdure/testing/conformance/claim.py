"""Claims: which runs change hands, in which epoch, and whose death counts."""

from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    LEASE_MS,
    ONE,
    OTHER_FLOW,
    TWO,
    Check,
    append_to,
    beat,
    born,
    claim_all,
    do,
    done,
    letter_to,
    record_of,
    refused,
    run_id,
    sent,
    start_of,
)
from perdure.world import Claim, Claimed, Owned, Refusal, World


async def a_claim_takes_a_run_over(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1))
    await sent(world, letter_to(1))
    [claimed] = await claim_all(world, ONE)
    assert claimed == Claimed(
        run_id=run_id(1), workflow=FLOW, status="pending", epoch=1, length=1, recoveries=0, died=False
    )
    record = await record_of(world)
    assert (record.owner, record.epoch, record.wake_at_ms, record.status) == (ONE, 1, None, "pending")
    assert await world.owned(ONE) == [Owned(run_id=run_id(1), epoch=1, mail=1)]
    assert [(worker.worker_id, worker.runs) for worker in await world.workers()] == [(ONE, 1)]


async def a_live_lease_keeps_its_runs(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1))
    clock.advance(LEASE_MS - 1)
    assert await claim_all(world) == []
    clock.advance(1)
    [claimed] = await claim_all(world)
    assert (claimed.epoch, claimed.length, claimed.died) == (2, 2, True)
    await refused(world, append_to(1, 3), Refusal.FENCED)


async def a_claim_without_a_lease_lasts_until_the_next(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1))
    await claim_all(world, ONE)
    [claimed] = await claim_all(world, TWO)
    assert (claimed.epoch, claimed.died) == (2, True)


async def only_named_workflows_are_claimed(world: World, clock: VirtualClock) -> None:
    await beat(world, ONE)
    for number, workflow in ((1, FLOW), (2, OTHER_FLOW), (3, "unknown:flow")):
        await do(world, start_of(number, workflow=workflow))
        await do(world, start_of(number + 10, workflow=workflow, owner=ONE))
        await do(world, start_of(number + 20, workflow=workflow, wake_at_ms=clock() + 10**9))
        await sent(world, letter_to(number + 20))
    await world.retire(ONE, died=False)
    assert await world.claim(Claim(worker_id=TWO, workflows=(), limit=100)) == []
    claimed = await world.claim(Claim(worker_id=TWO, workflows=(FLOW, OTHER_FLOW), limit=100))
    assert sorted(run.run_id for run in claimed) == [run_id(number) for number in (1, 2, 11, 12, 21, 22)]
    assert {run.run_id: run.workflow for run in claimed}[run_id(12)] == OTHER_FLOW
    assert (await record_of(world, 13)).owner == ONE


async def a_claim_has_a_limit(world: World, clock: VirtualClock) -> None:
    await beat(world, ONE)
    for number in range(1, 4):
        await do(world, start_of(number, owner=ONE))
        await do(world, start_of(number + 10))
        await do(world, start_of(number + 20, wake_at_ms=clock() + 10**9))
        await sent(world, letter_to(number + 20))
    await world.retire(ONE, died=False)
    await beat(world, TWO)
    assert await claim_all(world, TWO, limit=0) == []
    taken = [run.run_id for _ in range(5) for run in await claim_all(world, TWO, limit=2)]
    assert sorted(taken) == [run_id(number) for number in (1, 2, 3, 11, 12, 13, 21, 22, 23)]


async def the_least_recently_due_come_first(world: World, clock: VirtualClock) -> None:
    for number, after_ms in ((1, 300), (2, 100), (3, 400), (4, 200)):
        await do(world, start_of(number, wake_at_ms=clock() + after_ms))
    clock.advance(1000)
    await beat(world, TWO)
    taken = [run.run_id for _ in range(4) for run in await claim_all(world, TWO, limit=1)]
    assert taken == [run_id(2), run_id(4), run_id(1), run_id(3)]


async def the_first_two_deaths_count_later_ones_on_probation(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await _deaths(world, clock) == 1
    assert await _deaths(world, clock) == 2
    assert await _deaths(world, clock) == 2
    await done(world, append_to(1, 3, owner=TWO, epoch=4, probation=True))
    assert await _deaths(world, clock) == 3
    assert await _deaths(world, clock) == 3
    await done(world, append_to(1, 4, owner=TWO, epoch=6, probation=True))
    await done(world, append_to(1, 5, owner=TWO, epoch=6))
    assert await _deaths(world, clock) == 4


async def a_completed_turn_clears_the_deaths(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await _deaths(world, clock) == 1
    await done(world, append_to(1, 3, owner=TWO, epoch=2))
    assert (await record_of(world)).recoveries == 1
    await done(world, append_to(1, 4, owner=TWO, epoch=2, turn_completed=True))
    assert (await record_of(world)).recoveries == 0
    assert await _deaths(world, clock) == 1


async def a_release_is_no_death(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await _deaths(world, clock) == 1
    await done(world, append_to(1, 3, owner=TWO, epoch=2, probation=True, release=True, wake_at_ms=clock()))
    [claimed] = await claim_all(world, TWO)
    assert (claimed.died, claimed.recoveries) == (False, 1)
    assert await _deaths(world, clock) == 2


async def a_lapsed_worker_does_not_claim_its_own(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1))
    clock.advance(LEASE_MS + 1)
    assert await claim_all(world, ONE) == []
    assert (await record_of(world)).epoch == 1
    assert [run.run_id for run in await claim_all(world, TWO)] == [run_id(1)]


async def a_worker_claims_afresh_what_it_owns(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1))
    clock.advance(LEASE_MS + 1)
    again = await world.reclaim(ONE, run_id(1), 1)
    assert again == Claimed(
        run_id=run_id(1), workflow=FLOW, status="running", epoch=2, length=2, recoveries=0, died=False
    )
    await refused(world, append_to(1, 3), Refusal.FENCED)
    await done(world, append_to(1, 3, epoch=2))


async def reclaiming_takes_the_probation_back(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert [await _deaths(world, clock) for _ in range(2)] == [1, 2]
    await done(world, append_to(1, 3, owner=ONE, epoch=3, probation=True))
    again = await world.reclaim(ONE, run_id(1), 3)
    assert again is not None
    assert again.recoveries == 2
    assert await _deaths(world, clock) == 2


async def a_stale_reclaim_gets_nothing(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await world.reclaim(ONE, run_id(1), 0) is None
    assert await world.reclaim(ONE, run_id(1), 2) is None
    assert await world.reclaim(TWO, run_id(1), 1) is None
    assert await world.reclaim(ONE, run_id(2), 1) is None
    assert (await record_of(world)).epoch == 1
    await done(world, append_to(1, 3, status="completed"))
    assert await world.reclaim(ONE, run_id(1), 1) is None


async def the_next_due_time_is_the_earliest(world: World, clock: VirtualClock) -> None:
    assert await world.next_due_ms((FLOW,)) is None
    await do(world, start_of(1, wake_at_ms=clock() + 300))
    await do(world, start_of(2, wake_at_ms=clock() + 100))
    await do(world, start_of(3, wake_at_ms=clock() + 50, workflow=OTHER_FLOW))
    await born(world, 4)
    assert await world.next_due_ms((FLOW,)) == clock() + 100
    assert await world.next_due_ms((FLOW, OTHER_FLOW, "none")) == clock() + 50
    assert await world.next_due_ms(("none",)) is None
    assert await world.next_due_ms(()) is None
    clock.advance(200)
    assert await world.next_due_ms((FLOW,)) == clock() - 100
    assert len(await claim_all(world)) == 1
    assert await world.next_due_ms((FLOW,)) == clock() + 100


async def _deaths(world: World, clock: VirtualClock) -> int:
    """The owner of run 1 dies, the other worker takes it over; how many deaths count then."""
    clock.advance(LEASE_MS)
    heir = ONE if (await record_of(world)).owner == TWO else TWO
    [claimed] = await claim_all(world, heir)
    assert claimed.died
    assert (await record_of(world)).recoveries == claimed.recoveries
    return claimed.recoveries


CHECKS: tuple[Check, ...] = (
    a_claim_takes_a_run_over,
    a_live_lease_keeps_its_runs,
    a_claim_without_a_lease_lasts_until_the_next,
    only_named_workflows_are_claimed,
    a_claim_has_a_limit,
    the_least_recently_due_come_first,
    the_first_two_deaths_count_later_ones_on_probation,
    a_lapsed_worker_does_not_claim_its_own,
    a_completed_turn_clears_the_deaths,
    a_release_is_no_death,
    a_worker_claims_afresh_what_it_owns,
    reclaiming_takes_the_probation_back,
    a_stale_reclaim_gets_nothing,
    the_next_due_time_is_the_earliest,
)
