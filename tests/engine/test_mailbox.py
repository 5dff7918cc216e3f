"""A live run's mail: one reading at a time, each letter once, and a World that is away."""

import asyncio

from perdure.engine.letter import wake_letter
from perdure.engine.mailbox import Mailbox
from perdure.model.ids import MailId, RunId
from perdure.testing.conformance.sample import run_id, start_of
from perdure.world import Letter, Send
from tests.engine.moody import MoodyWorld
from tests.engine.stage import Stage

ME = run_id(1)


class Run:
    def __init__(self) -> None:
        self.run_id: RunId = ME
        self.came: list[list[str]] = []

    def mail_came(self, letters: list[Letter], *, own: bool = False) -> None:
        self.came.append([letter.mail_id for letter in letters])


def letter(number: int) -> Letter:
    return wake_letter(MailId(f"mail_{number}"), ME)


def opened(stage: Stage) -> tuple[Run, Mailbox, MoodyWorld]:
    run, world = Run(), MoodyWorld(stage.world)
    return run, Mailbox(run, world, asyncio.get_running_loop()), world


def test_each_letter_comes_once() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1)), Send(letter=letter(2))])
        mailbox.fetch()
        assert mailbox.busy
        await asyncio.sleep(0.01)
        assert not mailbox.busy
        await world.commit([Send(letter=letter(3))])
        mailbox.fetch()
        await asyncio.sleep(0.01)
        assert run.came == [["mail_1", "mail_2"], ["mail_3"]]

    stage.play(scene)


def test_what_came_with_the_claim_is_known() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1))])
        assert [known.mail_id for known in mailbox.fresh([letter(1)])] == ["mail_1"]
        assert mailbox.fresh([letter(1)]) == []
        mailbox.fetch()
        await asyncio.sleep(0.01)
        assert run.came == [[]]

    stage.play(scene)


def test_what_has_been_taken_is_forgotten() -> None:
    """A run that gets a million letters must not remember each of them."""
    stage = Stage()

    async def scene() -> None:
        _, mailbox, _ = opened(stage)
        assert len(mailbox.fresh([letter(1), letter(2)])) == 2
        assert [known.mail_id for known in mailbox.fresh([letter(2), letter(3)])] == ["mail_3"]
        assert mailbox._seen == {"mail_2", "mail_3"}  # pyright: ignore[reportPrivateUsage]

    stage.play(scene)


def test_a_reading_that_failed_forgets_nothing() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1))])
        for away in (False, True, False):
            world.away = away
            mailbox.fetch()
            await asyncio.sleep(0.01)
        assert run.came == [["mail_1"], [], []]

    stage.play(scene)


def test_hints_while_reading_are_one_more_reading() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of()])
        for _ in range(5):
            mailbox.fetch()
        await asyncio.sleep(0.01)
        assert world.reads == 2
        assert run.came == [[], []]

    stage.play(scene)


def test_a_world_that_is_away_is_asked_again_later() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1))])
        world.away = True
        mailbox.fetch()
        await asyncio.sleep(0.01)
        assert (run.came, mailbox.busy) == ([[]], False)
        world.away = False
        mailbox.fetch()
        await asyncio.sleep(0.01)
        assert run.came == [[], ["mail_1"]]

    stage.play(scene)


def test_what_was_handed_over_doesnt_come_again() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1))])
        assert mailbox.hand(letter(1), mailbox.readings)
        mailbox.fetch()
        await asyncio.sleep(0.01)
        assert run.came == [["mail_1"], []]

    stage.play(scene)


def test_nothing_is_handed_over_that_a_reading_may_have_brought() -> None:
    stage = Stage()

    async def scene() -> None:
        run, mailbox, world = opened(stage)
        await world.commit([start_of(), Send(letter=letter(1))])
        before = mailbox.readings
        mailbox.fetch()
        assert not mailbox.hand(letter(1), before), "it may be on its way"
        during = mailbox.readings
        await asyncio.sleep(0.01)
        assert not mailbox.hand(letter(1), before)
        assert not mailbox.hand(letter(1), during), "that reading was under way when the sending began"
        assert run.came == [["mail_1"]]

    stage.play(scene)
