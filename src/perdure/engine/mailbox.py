"""Fetches a live run's mail, one reading at a time, each letter once."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from perdure.errors import WorldError
from perdure.model.ids import MailId, RunId
from perdure.world.mail import Letter
from perdure.world.world import World

logger = logging.getLogger("perdure")
NO_MAIL: frozenset[MailId] = frozenset()


class Reader(Protocol):
    """The run that reads."""

    run_id: RunId

    def mail_came(self, letters: list[Letter]) -> None: ...


class Mailbox:
    """`busy` while a reading is under way. The run gets each letter once, in order of acceptance."""

    __slots__ = ("_again", "_loop", "_run", "_seen", "_world", "busy")

    def __init__(self, run: Reader, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._run, self._world, self._loop = run, world, loop
        self._seen = NO_MAIL
        self._again = False
        self.busy = False

    def fetch(self) -> None:
        """There may be mail. While a reading is under way, another one will follow it."""
        if self.busy:
            self._again = True
            return
        self.busy = True
        self._loop.create_task(self._read(self._run.run_id)).add_done_callback(self._done)

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
        if task.cancelled():
            return
        letters = task.result()
        self._run.mail_came([] if letters is None else self.fresh(letters))
        if self._again:
            self._again = False
            self.fetch()
