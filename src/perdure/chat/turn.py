"""A turn of a chat that is one run: a user's message, and the answer to it in a stream of its own.

A client counts from its message on, and reads until `finish`: so each turn's stream begins with index 0 and is closed behind
`finish`, though the run goes on. The run's default stream is the table of contents: the turns, in order.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from perdure.api.hook import HookDefinition, define_hook
from perdure.api.stream import Writable, get_writable
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.ending import Ending, ending
from perdure.chat.message import UIMessage

T = TypeVar("T")
PREFIX = "chat:"
"""How the names of turns' streams begin; the message's id follows."""
USER_MESSAGE, TURN = "data-user-message", "data-turn"
_TURN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""A message's id names a stream, and stands in a header and in paths."""


@dataclass(frozen=True, slots=True)
class Word:
    """What reaches a chat that is one run: a user's message, the stop of a turn, or the end, once all is answered."""

    kind: Literal["message", "stop", "end"]
    turn: str = ""
    message: UIMessage | None = None


WORDS: HookDefinition[Word] = define_hook(Word, prefix="perdure-chat")
"""Its hook, by the run's id."""


def turn_misfit(message: UIMessage) -> tuple[str, str] | None:
    """The path of what makes a message none that can begin a turn, and why; None: it can."""
    if message.get("role") != "user":
        return ".role", "it is the user's turn: in a chat of many turns the last message is a user's"
    if not _TURN_ID.fullmatch(message.get("id", "")):
        return ".id", "in a chat of many turns it has 1 to 64 letters, digits, - and _"
    if not message["parts"]:
        return ".parts", "it is empty: there is nothing to answer"
    return None


class TurnStream(Writable[UIMessageChunk]):
    """Where a turn's answer goes. What the run's end would write to it, the turn's end writes."""

    def __init__(self, turn_id: str) -> None:
        super().__init__(get_writable().run_id, PREFIX + turn_id)
        self._ending = ending()

    async def write_at_end(
        self,
        *,
        completed: Iterable[UIMessageChunk] = (),
        failed: Iterable[UIMessageChunk] = (),
        cancelled: Iterable[UIMessageChunk] = (),
    ) -> None:
        self._ending = Ending(list(completed), list(failed), list(cancelled))
        await super().write_at_end(**self._ending._asdict())

    async def end(self, how: Literal["completed", "failed", "cancelled"]) -> None:
        """Say the last words for an end of this kind; no more is taken then."""
        await self.write_from(getattr(self._ending, how))
        await super().write_at_end()
        await self.close()


class ChatTurn:
    """One turn, in the body of its run."""

    def __init__(self, message: UIMessage) -> None:
        self.message, self.id = message, str(message["id"])
        self.writable = TurnStream(self.id)
        self._stopped = False
        self._answering: asyncio.Task[Any] | None = None

    async def take(self) -> None:
        """From here on it will be answered, or its stream says why not."""
        await self.writable.write_at_end(**ending()._asdict())
        await get_writable(UIMessageChunk).write({"type": TURN, "data": {"id": self.id}})
        await self.writable.write({"type": USER_MESSAGE, "id": self.id, "data": self.message, "transient": True})

    async def answer(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """What the work gives, which writes the answer; None where it was stopped, or failed: the chat goes on."""
        given, how = None, "cancelled"
        if not self._stopped:
            self._answering = asyncio.create_task(work())
            try:
                given, how = await self._answering, "completed"
            except asyncio.CancelledError:
                if not self._stopped:  # the run is cancelled: its end says so
                    raise
            except Exception as error:
                how = "failed"
                told = {"message": f"turn {self.id} of a chat failed", "exception": error}
                asyncio.get_running_loop().call_exception_handler(told)
        await self.writable.end(how)
        return given

    def stop(self) -> None:
        """Answer no further. A second time does nothing."""
        self._stopped = True
        if self._answering is not None:
            self._answering.cancel()
