"""Fetches a live run's mail, one reading at a time, each letter once; what this process sends itself needs no reading."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from perdure.errors import WorldError
from perdure.model.ids import MailId, RunId
from perdure.world.mail import Letter
from perdure.world.operation import Outcome, Sent
from perdure.world.world import World

logger = logging.getLogger("perdure")
NO_MAIL: frozenset[MailId] = frozenset()


class Reader(Protocol):
    """The run that reads."""

    run_id: RunId

    def mail_came(self, letters: list[Letter], *, own: bool = False) -> None: ...


class Mailbox:
    """`busy` while a reading is under way; `readings`: how many are over. The run gets each letter once, in order of
    acceptance."""

    __slots__ = ("_again", "_loop", "_run", "_seen", "_world", "busy", "readings")

    def __init__(self, run: Reader, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._run, self._world, self._loop = run, world, loop
        self._seen = NO_MAIL
        self._again = False
        self.busy = False
        self.readings = 0

    def fetch(self) -> None:
        """There may be mail. While a reading is under way, another one will follow it."""
        if self.busy:
            self._again = True
            return
        self.busy = True
        self._loop.create_task(self._read(self._run.run_id)).add_done_callback(self._done)

    def hand(self, letter: Letter, readings: int) -> bool:
        """A letter that this process began to send after so many readings, and that waits alone: the run gets it, unless
        somebody has read since: then it may have come. Whether the run has it now."""
        if self.busy or self.readings != readings:
            return False
        self._seen = frozenset((letter.mail_id,))
        self._run.mail_came([letter], own=True)
        return True

    def fresh(self, letters: Iterable[Letter]) -> list[Letter]:
        """Those that haven't come before."""
        seen, letters = self._seen, list(letters)
        # Those that wait no more can't come again.
        self._seen = frozenset(letter.mail_id for letter in letters) if letters else NO_MAIL
        return [letter for letter in letters if letter.mail_id not in seen]

    async def _read(self, run_id: RunId) -> tuple[Letter, ...] | None:
        try:
            return await self._world.read_mail(run_id)
        except WorldError as error:
            logger.warning("the mail of run %s could not be read, a sweep will try again: %s", run_id, error)
            return None

    def _done(self, task: "asyncio.Task[tuple[Letter, ...] | None]") -> None:
        self.busy = False
        self.readings += 1
        if task.cancelled():
            return
        letters = task.result()
        self._run.mail_came([] if letters is None else self.fresh(letters))
        if self._again:
            self._again = False
            self.fetch()


class Addressed(Protocol):
    """A run that letters come to."""

    @property
    def mailbox(self) -> Mailbox: ...


class Holder(Protocol):
    """The worker that holds runs."""

    @property
    def runs(self) -> Mapping[RunId, Addressed]: ...

    def look(self, run_id: RunId) -> None: ...


def addressee(holder: Holder, letter: Letter) -> Callable[[Outcome], None]:
    """Who hears what becomes of a letter that this process is about to send: where it waits alone its run gets it at once,
    without a reading."""
    run = holder.runs.get(letter.run_id)
    readings = 0 if run is None else run.mailbox.readings

    def sent(outcome: Outcome) -> None:
        if not isinstance(outcome, Sent):
            return
        held = holder.runs.get(letter.run_id)
        if held is None or held is not run or outcome.mail != 1 or not held.mailbox.hand(letter, readings):
            holder.look(letter.run_id)

    return sent
