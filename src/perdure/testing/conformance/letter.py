"""Letters and appends: what an append takes from its own inbox, and what it sends to other runs."""

from perdure.model.ids import MailId
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    TWO,
    Check,
    append_to,
    beat,
    born,
    claim_all,
    do,
    done,
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
from perdure.world import Refusal, World


async def a_letter_becomes_a_row(world: World, clock: VirtualClock) -> None:
    await born(world)
    await sent(world, letter_to(1, "m1"), letter_to(1, "m2"), letter_to(1, "m3"))
    rows = (row("wait_completed", mail_id=MailId("m2")), row("step_created"))
    outcome = await done(world, append_to(1, 3, rows=rows, mail_taken=("m2",)))
    assert outcome.mail == 2
    assert ((await record_of(world)).mail, await mail_of(world)) == (2, ["m1", "m3"])
    assert [event.mail_id for event in (await log_of(world)).rows] == [None, None, "m2", None]
    assert await world.has_mail(run_id(1), MailId("m2"))
    await sent(world, letter_to(1, "m2"))
    assert await mail_of(world) == ["m1", "m3"]


async def every_append_tells_of_the_mail(world: World, clock: VirtualClock) -> None:
    await born(world)
    assert (await done(world, append_to(1, 3))).mail == 0
    await sent(world, letter_to(1, "m1"), letter_to(1, "m2"))
    assert (await done(world, append_to(1, 4))).mail == 2


async def a_letter_that_is_gone_is_not_taken_twice(world: World, clock: VirtualClock) -> None:
    """An owner that finds a letter in its log drops it from the inbox, where it may not be."""
    await born(world)
    await sent(world, letter_to(1, "m1"))
    assert (await done(world, append_to(1, 3, mail_taken=("never", "m1")))).mail == 0
    assert (await done(world, append_to(1, 4, mail_taken=("m1",)))).mail == 0
    await sent(world, letter_to(1, "m2"))
    assert (await done(world, append_to(1, 5, mail_taken=("m1",)))).mail == 1
    assert (await record_of(world)).mail == 1


async def letters_go_with_the_append(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await do(world, start_of(2))
    await born(world, 3)
    await done(world, append_to(3, 3, status="blocked"))
    sending = append_to(
        1,
        3,
        status="completed",
        letters=(
            letter_to(2, "a", kind="child_completed", key="k", payload=b"x"),
            letter_to(3, "b"),
            letter_to(2, "c"),
        ),
    )
    await done(world, sending)
    assert await world.read_mail(run_id(2)) == (sending.letters[0], sending.letters[2])
    assert [(await record_of(world, number)).mail for number in (1, 2, 3)] == [0, 2, 1]
    assert [claimed.run_id for claimed in await claim_all(world, TWO)] == [run_id(2)]


async def letters_that_nobody_can_take_are_dropped(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await born(world, 2)
    await done(world, append_to(2, 3, status="failed"))
    await born(world, 3)
    await sent(world, letter_to(3, "had"), letter_to(3, "logged"))
    await done(world, append_to(3, 3, rows=(row(mail_id=MailId("logged")),), mail_taken=("logged",)))
    letters = (letter_to(2), letter_to(9), letter_to(3, "had"), letter_to(3, "logged"), letter_to(3, "new"))
    await done(world, append_to(1, 3, letters=letters))
    assert [(await record_of(world, number)).mail for number in (1, 2, 3)] == [0, 0, 2]
    assert await mail_of(world, 3) == ["had", "new"]
    assert await mail_of(world, 2) == []


async def a_letter_reaches_a_child_born_with_it(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await done(world, append_to(1, 3, children=(start_of(2),), letters=(letter_to(2),)))
    assert await mail_of(world, 2) == ["mail_1"]


async def an_append_tells_which_letters_stay_with_its_owner(world: World, clock: VirtualClock) -> None:
    for number in (1, 2, 4):
        await born(world, number)
    await do(world, start_of(3))
    await done(world, append_to(4, 3, release=True, hand_back=True))
    await sent(world, letter_to(2, "had"))
    letters = (letter_to(2, "had"), letter_to(3), letter_to(4), letter_to(9))
    assert (await done(world, append_to(1, 3, letters=letters))).near == (), "nothing new, or nobody's"
    assert (await done(world, append_to(1, 4, letters=(letter_to(3, "m"), letter_to(2, "m"))))).near == (run_id(2),)
    await beat(world, TWO)
    assert [claimed.run_id for claimed in await claim_all(world)]
    assert (await done(world, append_to(1, 5, letters=(letter_to(4, "n"),)))).near == (), "another's"
    ending = append_to(1, 6, letters=(letter_to(2, "n"),), status="completed")
    assert (await done(world, ending)).near == (run_id(2),), "though the run itself is nobody's any more"


async def a_refused_append_sends_nothing(world: World, clock: VirtualClock) -> None:
    await born(world, 1)
    await do(world, start_of(2))
    await refused(world, append_to(1, 4, letters=(letter_to(2),)), Refusal.PLACE)
    assert not await world.has_mail(run_id(2), MailId("mail_1"))


async def an_append_that_needs_all_mail_is_refused_while_letters_wait(world: World, clock: VirtualClock) -> None:
    """Who tells that a hook has expired tells first of what it had accepted."""
    await born(world)
    await done(world, append_to(1, 3, all_mail=True))
    await sent(world, letter_to(1, "m1"), letter_to(1, "m2"))
    await refused(world, append_to(1, 4, all_mail=True), Refusal.MAIL)
    await refused(world, append_to(1, 4, all_mail=True, mail_taken=("m1", "other")), Refusal.MAIL)
    await refused(world, append_to(1, 4, all_mail=True, due_ms=clock() + 1), Refusal.MAIL)
    outcome = await done(world, append_to(1, 4, all_mail=True, mail_taken=("m2", "m1")))
    assert (outcome.mail, await mail_of(world)) == (0, [])


CHECKS: tuple[Check, ...] = (
    a_letter_becomes_a_row,
    every_append_tells_of_the_mail,
    a_letter_that_is_gone_is_not_taken_twice,
    letters_go_with_the_append,
    letters_that_nobody_can_take_are_dropped,
    a_letter_reaches_a_child_born_with_it,
    an_append_tells_which_letters_stay_with_its_owner,
    a_refused_append_sends_nothing,
    an_append_that_needs_all_mail_is_refused_while_letters_wait,
)
