"""Appends that change a run's status: running, blocked, ended."""

from perdure.model.ids import MailId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ENDS,
    FLOW,
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
    mail_of,
    record_of,
    refused,
    row,
    run_id,
    sent,
    start_of,
)
from perdure.world import Refusal, Send, Sent, World


async def a_pending_run_starts_with_its_first_append(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1))
    await beat(world, ONE)
    await claim_all(world, ONE)
    assert (await record_of(world)).status == "pending"
    clock.advance(30)
    await done(world, append_to(1, 2, status="running"))
    record = await record_of(world)
    assert (record.status, record.owner, record.started_at_ms) == ("running", ONE, clock())
    clock.advance(30)
    await done(world, append_to(1, 3, status="running"))
    assert (await record_of(world)).started_at_ms == clock() - 30


async def an_end_lets_the_run_go(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        clock.advance(10)
        await done(world, append_to(number, 3, status=status))
        record = await record_of(world, number)
        assert (record.status, record.owner, record.epoch, record.wake_at_ms) == (status, None, 1, None)
        assert (record.ended_at_ms, record.started_at_ms, record.length) == (clock(), clock() - 10, 3)
    assert await world.owned(ONE) == []


async def nothing_follows_an_end(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        await done(world, append_to(number, 3, status=status))
        await refused(world, append_to(number, 4), Refusal.ENDED)
        await refused(world, append_to(number, 4, epoch=2, owner=TWO), Refusal.ENDED)
        await refused(world, append_to(number, 4, status="running"), Refusal.ENDED)
    clock.advance(10**9)
    assert await claim_all(world) == []
    assert await world.next_due_ms((FLOW,)) is None


async def an_end_is_refused_while_letters_wait(world: World, clock: VirtualClock) -> None:
    for number, status in enumerate(ENDS, 1):
        await born(world, number)
        await sent(world, letter_to(number, "m1"), letter_to(number, "m2"))
        await refused(world, append_to(number, 3, status=status), Refusal.MAIL)
        await refused(world, append_to(number, 3, status=status, mail_taken=("m1",)), Refusal.MAIL)
        await refused(world, append_to(number, 3, status=status, mail_taken=("m1", "other")), Refusal.MAIL)
        rows = (row(mail_id=MailId("m1")), row(mail_id=MailId("m2")), row("run_completed"))
        outcome = await done(world, append_to(number, 3, status=status, rows=rows, mail_taken=("m1", "m2")))
        assert outcome.mail == 0
        assert ((await record_of(world, number)).mail, await mail_of(world, number)) == (0, [])


async def a_blocked_run_keeps_its_mail_and_rests(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1, "m1"))
    outcome = await done(world, append_to(1, 3, status="blocked"))
    assert outcome.mail == 1
    assert await do(world, Send(letter=letter_to(1, "m2"))) == Sent()
    record = await record_of(world)
    assert (record.status, record.owner, record.wake_at_ms, record.ended_at_ms) == ("blocked", None, None, None)
    assert (record.mail, await mail_of(world)) == (2, ["m1", "m2"])
    clock.advance(10**9)
    assert await claim_all(world) == []
    assert await world.next_due_ms((FLOW,)) is None
    await refused(world, append_to(1, 4), Refusal.FENCED)


async def a_wait_never_ends_early(world: World, clock: VirtualClock) -> None:
    await born(world)
    due_ms = clock() + 100
    clock.advance(99)
    outcome = await refused(world, append_to(1, 3, due_ms=due_ms), Refusal.EARLY)
    assert outcome.now_ms == clock()
    clock.advance(1)
    assert (await done(world, append_to(1, 3, due_ms=due_ms))).at_ms == due_ms


async def a_wait_goes_by_the_stores_clock_not_by_at(world: World, clock: VirtualClock) -> None:
    await born(world)
    due_ms = clock()
    clock.advance(-1)
    outcome = await refused(world, append_to(1, 3, due_ms=due_ms), Refusal.EARLY)
    assert outcome.now_ms == clock()


async def refusals_come_in_order(world: World, clock: VirtualClock) -> None:
    """UNKNOWN and ENDED before FENCED, then PLACE, MAIL, EARLY: an owner learns first what can't be mended."""
    await born(world)
    await sent(world, letter_to(1))
    early = clock() + 1
    await refused(world, append_to(1, 9, epoch=7, status="failed", due_ms=early), Refusal.FENCED)
    await refused(world, append_to(1, 9, status="failed", due_ms=early), Refusal.PLACE)
    await refused(world, append_to(1, 3, status="failed", due_ms=early), Refusal.MAIL)
    await refused(world, append_to(1, 3, due_ms=early), Refusal.EARLY)
    outcome = await refused(world, append_to(1, 3, owner=TWO, due_ms=early), Refusal.FENCED)
    assert outcome.now_ms == 0
    assert await world.read_run(run_id(2)) is None


CHECKS: tuple[Check, ...] = (
    a_pending_run_starts_with_its_first_append,
    an_end_lets_the_run_go,
    nothing_follows_an_end,
    an_end_is_refused_while_letters_wait,
    a_blocked_run_keeps_its_mail_and_rests,
    a_wait_never_ends_early,
    a_wait_goes_by_the_stores_clock_not_by_at,
    refusals_come_in_order,
)
