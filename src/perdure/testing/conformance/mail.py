"""Mail from outside: accepted where the run is alive, once, in order."""

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
    hook_of,
    letter_to,
    mail_of,
    record_of,
    registering,
    row,
    run_id,
    send_to,
    sent,
    start_of,
)
from perdure.world import HookClosing, Refusal, Refused, Send, Sent, World


async def mail_waits_in_order_of_acceptance(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1))
    await do(world, start_of(2))
    letters = [letter_to(1, f"m{n}", kind="cancel_requested", key=f"k{n}", payload=b"\0%d" % n) for n in (5, 3, 9, 1)]
    for letter in letters:
        assert await do(world, Send(letter=letter)) == Sent()
        await sent(world, letter_to(2, letter.mail_id + "other"))
    assert await world.read_mail(run_id(1)) == tuple(letters)
    assert (await record_of(world)).mail == 4


async def mail_reaches_whoever_is_alive(world: World, clock: VirtualClock) -> None:
    await do(world, start_of(1))
    await born(world, 2)
    await born(world, 3)
    await done(world, append_to(3, 3, status="blocked"))
    for number in (1, 2, 3):
        assert await do(world, Send(letter=letter_to(number))) == Sent()
        assert ((await record_of(world, number)).mail, await mail_of(world, number)) == (1, ["mail_1"])


async def mail_for_the_dead_or_unknown_is_refused(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, append_to(1, 3, status="completed"))
    before = await everything(world)
    assert await do(world, Send(letter=letter_to(1))) == Refused(refusal=Refusal.ENDED)
    assert await do(world, Send(letter=letter_to(2))) == Refused(refusal=Refusal.UNKNOWN)
    assert await everything(world) == before
    assert await world.read_mail(run_id(2)) == ()
    assert not await world.has_mail(run_id(1), MailId("mail_1"))


async def a_second_try_of_a_letter_is_harmless(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1, payload=b"first"))
    assert await do(world, Send(letter=letter_to(1, payload=b"second"))) == Sent()
    assert [letter.payload for letter in await world.read_mail(run_id(1))] == [b"first"]
    assert (await record_of(world)).mail == 1
    await done(world, append_to(1, 3, rows=(row(mail_id=MailId("mail_1")),), mail_taken=("mail_1",)))
    assert await do(world, Send(letter=letter_to(1))) == Sent()
    assert ((await record_of(world)).mail, await mail_of(world)) == (0, [])
    await done(world, append_to(1, 4, status="completed"))
    assert await do(world, Send(letter=letter_to(1))) == Sent()


async def a_letter_is_found_in_inbox_and_log(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    mail_id = MailId("mail_1")
    assert not await world.has_mail(run_id(1), mail_id)
    await sent(world, letter_to(1))
    assert await world.has_mail(run_id(1), mail_id)
    assert not await world.has_mail(run_id(2), mail_id)
    await done(world, append_to(1, 3, rows=(row(mail_id=mail_id),), mail_taken=("mail_1",)))
    assert await world.has_mail(run_id(1), mail_id)
    assert not await world.has_mail(run_id(9), mail_id)


async def two_tries_in_one_commit_are_one_letter(world: World, clock: VirtualClock) -> None:
    await born(world)
    letter = Send(letter=letter_to(1))
    taking = append_to(1, 3, rows=(row(mail_id=MailId("mail_1")),), mail_taken=("mail_1",))
    outcomes = await world.commit([letter, letter, taking, letter])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Sent", "Sent", "Appended", "Sent"]
    assert ((await record_of(world)).mail, await mail_of(world)) == (0, [])


async def mail_reaches_an_open_hook(world: World, clock: VirtualClock) -> None:
    await born(world)
    await done(world, registering(1, 3, hook_of("a", "t"), hook_of("b", "s", expires_at_ms=clock() + 10)))
    sending = send_to(1, "m1", "a")
    assert await do(world, sending) == Sent()
    assert await do(world, send_to(1, "m2", "b")) == Sent()
    await done(world, append_to(1, 5, status="blocked"))
    assert await do(world, send_to(1, "m3", "a")) == Sent()
    assert (await record_of(world)).mail == 3
    first, *_ = await world.read_mail(run_id(1))
    assert first == sending.letter


async def mail_for_a_hook_that_takes_nothing_is_refused(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    hooks = hook_of("a", "t"), hook_of("b", "s", expires_at_ms=clock() + 10), hook_of("c", "r")
    await done(world, registering(1, 3, *hooks))
    await done(world, registering(2, 3, hook_of("d", "t")))
    await done(world, append_to(1, 6, hooks=(HookClosing(key="c"),)))
    await born(world, 3)
    await done(world, registering(3, 3, hook_of("e", "q"), status="completed"))
    clock.advance(9)
    assert await do(world, send_to(1, "m", "b")) == Sent()
    clock.advance(1)
    before = await everything(world)
    for number, key in ((1, "b"), (1, "c"), (1, "d"), (2, "a"), (2, "d"), (1, "A"), (1, "")):
        assert await do(world, send_to(number, "m2", key)) == Refused(refusal=Refusal.HOOK), (number, key)
    assert await do(world, send_to(9, "m2", "a")) == Refused(refusal=Refusal.UNKNOWN)
    assert await do(world, send_to(3, "m2", "e")) == Refused(refusal=Refusal.ENDED)
    assert await everything(world) == before
    assert await do(world, Send(letter=letter_to(1, "m2"))) == Sent(), "only a letter for a hook needs one"


async def a_second_try_needs_no_hook(world: World, clock: VirtualClock) -> None:
    """It was accepted, and that is the answer: also when the hook is closed, or expired, or its run has ended."""
    await born(world)
    hooks = hook_of("a", "t"), hook_of("b", "s", expires_at_ms=clock() + 10)
    await done(world, registering(1, 3, *hooks))
    tries = send_to(1, "m1", "a"), send_to(1, "m2", "b"), send_to(1, "m3", "a")
    await world.commit(tries)
    await done(world, append_to(1, 5, hooks=(HookClosing(key="a"),)))
    clock.advance(10)
    assert await world.commit(tries) == [Sent(), Sent(), Sent()]
    assert await mail_of(world) == ["m1", "m2", "m3"]
    rows = tuple(row("hook_received", mail_id=each.letter.mail_id) for each in tries)
    await done(world, append_to(1, 6, rows=rows[:2], mail_taken=("m1", "m2")))
    assert await world.commit(tries) == [Sent(), Sent(), Sent()]
    assert await mail_of(world) == ["m3"]
    await done(world, append_to(1, 8, rows=rows[2:], mail_taken=("m3",), status="completed"))
    assert await world.commit([*tries, send_to(9, "m1", "a")]) == [*[Sent()] * 3, Refused(refusal=Refusal.UNKNOWN)]
    assert await mail_of(world) == []


async def mail_and_hooks_of_one_commit_see_each_other(world: World, clock: VirtualClock) -> None:
    await born(world)
    outcomes = await world.commit(
        [
            send_to(1, "m1", "a"),
            registering(1, 3, hook_of("a", "t")),
            send_to(1, "m2", "a"),
            append_to(1, 4, hooks=(HookClosing(key="a"),)),
            send_to(1, "m3", "a"),
            send_to(1, "m2", "a"),
        ]
    )
    kinds = [outcome.refusal if isinstance(outcome, Refused) else type(outcome).__name__ for outcome in outcomes]
    assert kinds == [Refusal.HOOK, "Appended", "Sent", "Appended", Refusal.HOOK, "Sent"]
    assert await mail_of(world) == ["m2"]


async def a_sender_that_owns_the_run_is_told_how_much_waits(world: World, clock: VirtualClock) -> None:
    await born(world)
    await born(world, 2)
    await do(world, start_of(3))
    mine, others = [letter_to(1, f"m{n}") for n in range(4)], letter_to(2, "m")
    assert await do(world, Send(letter=mine[0], owner=ONE)) == Sent(mail=1)
    assert await do(world, Send(letter=mine[0], owner=ONE)) == Sent(), "it was there before"
    assert await do(world, Send(letter=mine[1], owner=ONE)) == Sent(mail=2)
    assert await do(world, Send(letter=others, owner=TWO)) == Sent(), "another owns it"
    assert await do(world, Send(letter=letter_to(3, "m"), owner=ONE)) == Sent(), "nobody owns it"
    assert await do(world, Send(letter=letter_to(4), owner=ONE)) == Refused(refusal=Refusal.UNKNOWN)
    rows = tuple(row(mail_id=letter.mail_id) for letter in mine[:2])
    taking = append_to(1, 3, rows=rows, mail_taken=("m0", "m1"))
    outcomes = await world.commit([*(Send(letter=letter, owner=ONE) for letter in mine[2:3]), taking])
    assert outcomes[0] == Sent(mail=3)
    taking = append_to(1, 5, rows=(row(mail_id=mine[2].mail_id),), mail_taken=("m2",))
    assert (await world.commit([taking, Send(letter=mine[3], owner=ONE)]))[1] == Sent(mail=1)
    assert await mail_of(world) == ["m3"]
    await done(world, append_to(1, 6, release=True, hand_back=True))
    await beat(world, TWO)
    assert [claimed.run_id for claimed in await claim_all(world)]
    assert await do(world, Send(letter=letter_to(1, "m4"), owner=ONE)) == Sent(), "it was taken over"
    assert await do(world, Send(letter=letter_to(1, "m5"), owner=TWO)) == Sent(mail=3)


CHECKS: tuple[Check, ...] = (
    mail_waits_in_order_of_acceptance,
    mail_reaches_whoever_is_alive,
    mail_for_the_dead_or_unknown_is_refused,
    a_second_try_of_a_letter_is_harmless,
    a_letter_is_found_in_inbox_and_log,
    two_tries_in_one_commit_are_one_letter,
    mail_reaches_an_open_hook,
    mail_for_a_hook_that_takes_nothing_is_refused,
    a_second_try_needs_no_hook,
    mail_and_hooks_of_one_commit_see_each_other,
    a_sender_that_owns_the_run_is_told_how_much_waits,
)
