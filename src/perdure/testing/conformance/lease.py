"""Leases: heartbeats of workers, and how they end."""

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
    claim_all,
    do,
    done,
    letter_to,
    sent,
    start_of,
)
from perdure.world import Lease, Owned, Started, WorkerRecord, World


async def a_beat_makes_and_renews_the_lease(world: World, clock: VirtualClock) -> None:
    assert await beat(world) == clock() + LEASE_MS
    clock.advance(LEASE_MS - 1)
    assert await beat(world) == clock() + LEASE_MS
    assert await beat(world) == clock() + LEASE_MS
    assert await world.workers() == (_record(clock, runs=0),)
    clock.advance(LEASE_MS)
    assert await world.workers() == ()
    assert await beat(world) == clock() + LEASE_MS
    assert len(await world.workers()) == 1


async def a_beat_tells_what_the_worker_is_now(world: World, clock: VirtualClock) -> None:
    await beat(world)
    lease = Lease(worker_id=ONE, lease_ms=5, process="q", workflows=("a", "b"), deployment="v2")
    assert await world.beat(lease) == clock() + 5
    [worker] = await world.workers()
    assert (worker.process, worker.workflows, worker.deployment) == ("q", ("a", "b"), "v2")
    assert (worker.lease_until_ms, worker.now_ms) == (clock() + 5, clock())


async def workers_with_runs_are_listed_after_their_lease(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await beat(world, TWO)
    assert [(worker.worker_id, worker.runs) for worker in await world.workers()] == [(ONE, 2), (TWO, 0)]
    clock.advance(LEASE_MS)
    await beat(world, TWO)
    assert [(worker.worker_id, worker.runs) for worker in await world.workers()] == [(ONE, 2), (TWO, 0)]
    await claim_all(world, TWO)
    assert [(worker.worker_id, worker.runs) for worker in await world.workers()] == [(TWO, 2)]


async def a_retired_worker_owns_nothing_more_at_birth(world: World, clock: VirtualClock) -> None:
    await beat(world)
    await world.retire(ONE, died=False)
    await world.retire(ONE, died=False)
    assert await world.workers() == ()
    outcome = await do(world, start_of(1, owner=ONE))
    assert isinstance(outcome, Started)
    assert not outcome.owned
    await beat(world)
    outcome = await do(world, start_of(2, owner=ONE))
    assert isinstance(outcome, Started)
    assert outcome.owned


async def runs_of_a_retired_worker_are_claimable_at_once(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await claim_all(world) == []
    await world.retire(ONE, died=False)
    assert [worker.worker_id for worker in await world.workers()] == [ONE]
    [claimed] = await claim_all(world)
    assert (claimed.died, claimed.recoveries, claimed.epoch) == (False, 0, 2)


async def a_clock_that_goes_back_revives_nobody_retired(world: World, clock: VirtualClock) -> None:
    await born(world)
    await world.retire(ONE, died=True)
    clock.advance(-LEASE_MS // 2)
    [claimed] = await claim_all(world)
    assert (claimed.died, claimed.recoveries) == (True, 1)


async def who_took_leave_has_not_died(world: World, clock: VirtualClock) -> None:
    """Its process is gone a moment later, and a neighbour may find that out first."""
    await born(world)
    await world.retire(ONE, died=False)
    await world.retire(ONE, died=True)
    [claimed] = await claim_all(world)
    assert (claimed.died, claimed.recoveries) == (False, 0)


async def a_beat_after_the_leave_begins_afresh(world: World, clock: VirtualClock) -> None:
    await born(world)
    await world.retire(ONE, died=False)
    await beat(world)
    assert await claim_all(world) == []
    clock.advance(LEASE_MS)
    [claimed] = await claim_all(world)
    assert claimed.died


async def a_claim_after_the_leave_is_a_sign_of_life(world: World, clock: VirtualClock) -> None:
    await beat(world)
    await world.retire(ONE, died=False)
    await do(world, start_of(1))
    assert len(await claim_all(world, ONE)) == 1
    [claimed] = await claim_all(world, TWO)
    assert (claimed.died, claimed.recoveries) == (True, 1)


async def retiring_a_stranger_does_nothing(world: World, clock: VirtualClock) -> None:
    await world.retire(ONE, died=True)
    assert await world.workers() == ()


async def an_owner_finds_its_runs(world: World, clock: VirtualClock) -> None:
    assert await world.owned(ONE) == []
    await born(world, 1)
    await born(world, 2)
    await do(world, start_of(3))
    await done(world, append_to(2, 3, release=True))
    [claimed] = await claim_all(world, ONE)
    assert await world.owned(TWO) == []
    assert sorted(await world.owned(ONE), key=lambda owned: owned.run_id) == [
        Owned(run_id=start_of(1).run_id, epoch=1, mail=0),
        Owned(run_id=claimed.run_id, epoch=1, mail=0),
    ]


async def an_owner_finds_its_runs_with_mail(world: World, clock: VirtualClock) -> None:
    for number in (1, 2, 3):
        await born(world, number)
    await do(world, start_of(4))
    await beat(world, TWO)
    await do(world, start_of(5, owner=TWO))
    assert await world.owned(ONE, with_mail=True) == []
    await sent(world, letter_to(2, "a"), letter_to(3, "b"), letter_to(3, "c"), letter_to(4, "d"), letter_to(5, "e"))
    assert sorted(await world.owned(ONE, with_mail=True), key=lambda owned: owned.run_id) == [
        Owned(run_id=start_of(2).run_id, epoch=1, mail=1),
        Owned(run_id=start_of(3).run_id, epoch=1, mail=2),
    ]
    assert [owned.run_id for owned in await world.owned(TWO, with_mail=True)] == [start_of(5).run_id]
    await done(world, append_to(2, 3, status="blocked"))
    await done(world, append_to(3, 3, mail_taken=("b", "c")))
    assert await world.owned(ONE, with_mail=True) == []
    assert len(await world.owned(ONE)) == 2


def _record(clock: VirtualClock, runs: int) -> WorkerRecord:
    return WorkerRecord(
        worker_id=ONE,
        lease_until_ms=clock() + LEASE_MS,
        now_ms=clock(),
        process="p",
        workflows=(FLOW,),
        deployment="d",
        runs=runs,
    )


CHECKS: tuple[Check, ...] = (
    a_beat_makes_and_renews_the_lease,
    a_beat_tells_what_the_worker_is_now,
    workers_with_runs_are_listed_after_their_lease,
    a_retired_worker_owns_nothing_more_at_birth,
    runs_of_a_retired_worker_are_claimable_at_once,
    a_clock_that_goes_back_revives_nobody_retired,
    who_took_leave_has_not_died,
    a_beat_after_the_leave_begins_afresh,
    a_claim_after_the_leave_is_a_sign_of_life,
    retiring_a_stranger_does_nothing,
    an_owner_finds_its_runs,
    an_owner_finds_its_runs_with_mail,
)
