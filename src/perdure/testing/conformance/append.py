"""Appends of rows: their places, the fences, and that each is done whole or not at all."""

from perdure.model.ids import MailId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    Check,
    append_to,
    beat,
    born,
    claim_all,
    do,
    done,
    everything,
    fails,
    letter_to,
    log_of,
    mail_of,
    record_of,
    refused,
    row,
    run_id,
    sent,
    start_of,
)
from perdure.world import Appended, Refusal, Refused, Row, Send, World


async def rows_take_the_next_places(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(7)
    rows = (
        row("step_created", turn=0, key="a", payload=b""),
        row("step_completed", turn=1, key="b", payload=b"\0\xff"),
    )
    assert await do(world, append_to(1, 3, rows=rows)) == Appended(at_ms=clock(), mail=0)
    log = await log_of(world)
    assert log.rows[2:] == (
        Row(seq=3, turn=0, epoch=1, type="step_created", key="a", payload=b"", at_ms=clock()),
        Row(seq=4, turn=1, epoch=1, type="step_completed", key="b", payload=b"\0\xff", at_ms=clock()),
    )
    assert (log.run.length, log.run.owner, log.run.status) == (4, ONE, "running")


async def an_append_without_rows_keeps_the_place(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, rows=(), attributes={"a": "b"}))
    await done(world, append_to(1, 3))
    assert (await record_of(world)).length == 3


async def an_append_to_no_run_is_refused(world: World, clock: VirtualClock) -> None:
    await refused(world, append_to(1, 1), Refusal.UNKNOWN)


async def only_the_owner_in_its_epoch_appends(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(2))
    await refused(world, append_to(2, 2, epoch=0), Refusal.FENCED)
    await born(world)
    await refused(world, append_to(1, 3, owner=TWO), Refusal.FENCED)
    await refused(world, append_to(1, 3, epoch=0), Refusal.FENCED)
    await refused(world, append_to(1, 3, epoch=2), Refusal.FENCED)
    await refused(world, append_to(1, 9, owner=TWO), Refusal.FENCED)
    await world.retire(ONE, died=True)
    assert len(await claim_all(world, TWO)) == 2
    await refused(world, append_to(1, 3), Refusal.FENCED)
    await done(world, append_to(1, 3, owner=TWO, epoch=2))
    assert [event.epoch for event in (await log_of(world)).rows] == [1, 1, 2]


async def a_lapsed_lease_alone_fences_nobody(world: World, clock: VirtualClock) -> None:
    await born(world)
    clock.advance(10**9)
    await done(world, append_to(1, 3))


async def an_append_elsewhere_than_at_the_end_is_refused(world: World, clock: VirtualClock) -> None:
    await born(world)
    for seq in (0, 1, 2, 4, 100):
        await refused(world, append_to(1, seq), Refusal.PLACE)
    append = append_to(1, 3)
    await done(world, append)
    await refused(world, append, Refusal.PLACE)


async def a_refusal_takes_no_other_with_it(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    outcomes = await world.commit(
        [
            append_to(1, 3),
            append_to(2, 9),
            append_to(7, 1),
            start_of(3),
            Send(letter=letter_to(8)),
            append_to(2, 3),
            Send(letter=letter_to(1)),
        ]
    )
    kinds = [outcome.refusal if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]
    assert kinds == ["Appended", Refusal.PLACE, Refusal.UNKNOWN, "Started", Refusal.UNKNOWN, "Appended", "Sent"]
    assert [(await record_of(world, number)).length for number in (1, 2, 3)] == [3, 3, 1]
    assert await mail_of(world) == ["mail_1"]


async def operations_are_done_in_order(world: World, clock: VirtualClock) -> None:
    await beat(world)
    outcomes = await world.commit(
        [
            start_of(1, owner=ONE),
            append_to(1, 3),
            append_to(1, 4, status="completed"),
            append_to(1, 5),
            Send(letter=letter_to(1)),
        ]
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["Started", "Appended", "Appended", "Refused", "Refused"]
    assert [event.seq for event in (await log_of(world)).rows] == [1, 2, 3, 4]


async def a_refused_append_writes_nothing_of_it(world: World, clock: VirtualClock) -> None:
    """`refused` compares everything before and after."""
    await born(world, 1)
    await born(world, 2)
    await sent(world, letter_to(1))
    await refused(
        world,
        append_to(
            1,
            4,
            status="failed",
            mail_taken=("mail_1",),
            letters=(letter_to(2, "mail_2"),),
            children=(start_of(3),),
            attributes={"a": "b"},
            turn_completed=True,
        ),
        Refusal.PLACE,
    )


async def a_failed_commit_writes_nothing_of_it(world: World, clock: VirtualClock) -> None:
    """Here because a log would have a letter twice."""
    await born(world, 1)
    await sent(world, letter_to(1))
    arrived = row("wait_completed", mail_id=MailId("mail_1"))
    await done(world, append_to(1, 3, rows=(arrived,), mail_taken=("mail_1",)))
    await fails(world, start_of(2), append_to(1, 4), append_to(1, 5, rows=(arrived,)), start_of(3))
    await fails(world, append_to(1, 4, rows=(row(mail_id=MailId("m")), row(mail_id=MailId("m")))))
    await done(world, append_to(1, 4))


async def at_never_goes_back(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    born_at_ms = clock()
    clock.advance(-3_600_000)
    await beat(world)
    assert (await done(world, append_to(1, 3))).at_ms == born_at_ms
    assert (await done(world, append_to(1, 4, status="completed"))).at_ms == born_at_ms
    log = await log_of(world)
    assert [event.at_ms for event in log.rows] == [born_at_ms] * 4
    assert log.run.ended_at_ms == born_at_ms
    await born(world, 2)
    assert (await log_of(world, 2)).rows[0].at_ms == clock()


async def at_is_that_of_the_run_alone(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    clock.advance(1000)
    await born(world, 2)
    clock.advance(-500)
    assert (await done(world, append_to(1, 3))).at_ms == clock()


async def attributes_are_merged(world: World, clock: VirtualClock) -> None:
    await born(world, attributes={"a": "1", "b": "2"})
    await done(world, append_to(1, 3, attributes={"b": None, "c": "3", "none": None}))
    assert (await record_of(world)).attributes == {"a": "1", "c": "3"}
    await done(world, append_to(1, 4, attributes={"a": "", "c": None}))
    assert (await record_of(world)).attributes == {"a": ""}


async def children_start_with_the_append(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await do(world, start_of(2, idempotency_key="taken"))
    child = start_of(3, parent_id=run_id(1), root_id=run_id(1))
    rival = start_of(4, idempotency_key="taken")
    before = await everything(world)
    outcome = await done(world, append_to(1, 3, children=(child, rival)))
    assert outcome.existing == {run_id(4): run_id(2)}
    assert await world.read_run(run_id(4)) is None
    started = await record_of(world, 3)
    assert (started.status, started.parent_id, started.root_id) == ("pending", run_id(1), run_id(1))
    again = await done(world, append_to(1, 4, children=(child,)))
    assert again.existing == {}
    assert len(await everything(world)) == len(before) + 1


async def a_child_is_born_owned_under_a_live_lease(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    children = (start_of(2, owner=ONE), start_of(3, owner=TWO), start_of(4))
    outcome = await done(world, append_to(1, 3, children=children))
    assert outcome.born == (run_id(2),)
    assert [(await record_of(world, number)).owner for number in (2, 3, 4)] == [ONE, None, None]
    again = await done(world, append_to(1, 4, children=children))
    assert again.born == ()


async def children_begin_at_their_parents_append(world: World, clock: VirtualClock) -> None:
    """Also where the clock is behind that; but what a child waits for goes by the clock."""
    await born(world, 1)
    clock.advance(-60_000)
    await beat(world, ONE)
    outcome = await done(world, append_to(1, 3, children=(start_of(2, owner=ONE), start_of(3))))
    assert outcome.at_ms == clock() + 60_000
    for number in (2, 3):
        log = await log_of(world, number)
        assert {event.at_ms for event in log.rows} | {log.run.created_at_ms} == {outcome.at_ms}
        assert log.run.started_at_ms == (outcome.at_ms if number == 2 else None)
    assert [claimed.run_id for claimed in await claim_all(world)] == [run_id(3)]


CHECKS: tuple[Check, ...] = (
    rows_take_the_next_places,
    an_append_without_rows_keeps_the_place,
    an_append_to_no_run_is_refused,
    only_the_owner_in_its_epoch_appends,
    a_lapsed_lease_alone_fences_nobody,
    an_append_elsewhere_than_at_the_end_is_refused,
    a_refusal_takes_no_other_with_it,
    operations_are_done_in_order,
    a_refused_append_writes_nothing_of_it,
    a_failed_commit_writes_nothing_of_it,
    at_never_goes_back,
    at_is_that_of_the_run_alone,
    attributes_are_merged,
    children_start_with_the_append,
    a_child_is_born_owned_under_a_live_lease,
    children_begin_at_their_parents_append,
)
