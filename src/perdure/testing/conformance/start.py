"""Starts: who owns a run at birth, and what a second start finds."""

from msgspec.structs import replace

from perdure.model.ids import WorkerId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    LEASE_MS,
    ONE,
    TWO,
    Check,
    beat,
    born,
    claim_all,
    do,
    everything,
    log_of,
    record_of,
    run_id,
    start_of,
)
from perdure.world import Row, RunRecord, Start, Started, World


async def a_start_without_an_owner_is_pending(world: World, clock: VirtualClock) -> None:
    outcome = await do(world, start_of(1))
    assert outcome == Started(run_id=run_id(1), created=True, owned=False, at_ms=clock())
    log = await log_of(world)
    assert log.run == _pending(start_of(1), clock())
    assert log.rows == (
        Row(seq=1, turn=0, epoch=0, type="run_created", key="", payload=start_of(1).created, at_ms=clock()),
    )


async def a_start_keeps_what_it_was_given(world: World, clock: VirtualClock) -> None:
    start = start_of(
        1,
        idempotency_key="key",
        parent_id=run_id(8),
        root_id=run_id(9),
        attributes={"phase": "new", "": "empty"},
        deployment="v7",
        pin="v8",
    )
    await do(world, start)
    assert await record_of(world) == _pending(start, clock())


async def a_start_is_owned_at_birth_under_a_live_lease(world: World, clock: VirtualClock) -> None:
    await beat(world)
    clock.advance(LEASE_MS - 1)
    outcome = await do(world, start_of(1, owner=ONE))
    assert outcome == Started(run_id=run_id(1), created=True, owned=True, at_ms=clock())
    log = await log_of(world)
    assert (log.run.owner, log.run.epoch, log.run.status) == (ONE, 1, "running")
    assert (log.run.length, log.run.wake_at_ms, log.run.started_at_ms) == (2, None, clock())
    created, started = log.rows
    assert (created.seq, created.type, created.payload, created.epoch) == (1, "run_created", start_of(1).created, 1)
    assert (started.seq, started.type, started.payload, started.epoch) == (2, "run_started", start_of(1).started, 1)
    assert (started.turn, started.key, started.at_ms, started.mail_id) == (0, "", clock(), None)


async def a_start_under_a_dead_lease_is_pending(world: World, clock: VirtualClock) -> None:
    await beat(world, ONE)
    clock.advance(LEASE_MS)
    await beat(world, TWO)
    await world.retire(TWO, died=False)
    for number, owner in ((1, ONE), (2, TWO), (3, WorkerId("wrkr_never_seen"))):
        outcome = await do(world, start_of(number, owner=owner))
        assert outcome == Started(run_id=run_id(number), created=True, owned=False, at_ms=clock())
        log = await log_of(world, number)
        assert log.run == _pending(start_of(number), clock())
        assert [row.type for row in log.rows] == ["run_created"]


async def a_second_start_of_an_id_writes_nothing(world: World, clock: VirtualClock) -> None:
    await born(world)
    before, at_ms = await everything(world), clock()
    clock.advance(5)
    again = Started(run_id=run_id(1), created=False, owned=True, at_ms=at_ms)
    assert await do(world, start_of(1, owner=ONE, created=b"other", idempotency_key="k")) == again
    assert await do(world, start_of(1, owner=TWO)) == replace(again, owned=False)
    assert await do(world, start_of(1)) == replace(again, owned=False)
    assert await everything(world) == before
    assert await world.find_run("k") is None


async def a_second_start_is_not_owned_in_a_later_epoch(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert await world.reclaim(ONE, run_id(1), 1) is not None
    again = await do(world, start_of(1, owner=ONE))
    assert again == Started(run_id=run_id(1), created=False, owned=False, at_ms=clock())


async def a_key_belongs_to_one_run(world: World, clock: VirtualClock) -> None:
    await born(world, 1, idempotency_key="order-7")
    before, at_ms = await everything(world), clock()
    clock.advance(5)
    outcome = await do(world, start_of(2, owner=ONE, idempotency_key="order-7"))
    assert outcome == Started(run_id=run_id(1), created=False, owned=False, at_ms=at_ms)
    assert await everything(world) == before
    assert await world.read_run(run_id(2)) is None


async def an_id_is_looked_for_before_a_key(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1, idempotency_key="one"))
    await do(world, start_of(2))
    outcome = await do(world, start_of(2, idempotency_key="one"))
    assert outcome == Started(run_id=run_id(2), created=False, owned=False, at_ms=clock())


async def starts_of_one_commit_see_each_other(world: World, clock: VirtualClock) -> None:
    outcomes = await world.commit(
        [start_of(1, idempotency_key="k"), start_of(2, idempotency_key="k"), start_of(1), start_of(3)]
    )
    assert [(started.run_id, started.created) for started in outcomes if isinstance(started, Started)] == [
        (run_id(1), True),
        (run_id(1), False),
        (run_id(1), False),
        (run_id(3), True),
    ]


async def a_delayed_start_waits_for_its_time(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1, wake_at_ms=clock() + 500))
    assert (await record_of(world)).wake_at_ms == clock() + 500
    clock.advance(499)
    assert await claim_all(world) == []
    clock.advance(1)
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(1)]


def _pending(start: Start, now_ms: int) -> RunRecord:
    return RunRecord(
        run_id=start.run_id,
        workflow=start.workflow,
        status="pending",
        owner=None,
        epoch=0,
        length=1,
        mail=0,
        wake_at_ms=now_ms,
        idempotency_key=start.idempotency_key,
        parent_id=start.parent_id,
        root_id=start.root_id,
        attributes=start.attributes,
        deployment=start.deployment,
        pin=start.pin,
        recoveries=0,
        created_at_ms=now_ms,
        started_at_ms=None,
        ended_at_ms=None,
    )


CHECKS: tuple[Check, ...] = (
    a_start_without_an_owner_is_pending,
    a_start_keeps_what_it_was_given,
    a_start_is_owned_at_birth_under_a_live_lease,
    a_start_under_a_dead_lease_is_pending,
    a_second_start_of_an_id_writes_nothing,
    a_second_start_is_not_owned_in_a_later_epoch,
    a_key_belongs_to_one_run,
    an_id_is_looked_for_before_a_key,
    starts_of_one_commit_see_each_other,
    a_delayed_start_waits_for_its_time,
)
