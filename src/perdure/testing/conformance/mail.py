"""Mail from outside: accepted where the run is alive, once, in order."""

from perdure.model.ids import MailId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    Check,
    append_to,
    born,
    do,
    done,
    everything,
    letter_to,
    mail_of,
    record_of,
    row,
    run_id,
    sent,
    start_of,
)
from perdure.world import Refusal, Refused, Send, Sent, World


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


CHECKS: tuple[Check, ...] = (
    mail_waits_in_order_of_acceptance,
    mail_reaches_whoever_is_alive,
    mail_for_the_dead_or_unknown_is_refused,
    a_second_try_of_a_letter_is_harmless,
    a_letter_is_found_in_inbox_and_log,
    two_tries_in_one_commit_are_one_letter,
)
