"""One `stream` or `generate`: where its chunks go, and what was asked for it. Found by whatever belongs to it."""

import inspect
from contextvars import ContextVar
from decimal import Decimal
from typing import Any

from pydantic_ai.messages import AgentStreamEvent
from pydantic_ai.models import Model

from perdure import Writable, get_workflow_metadata, uuid4
from perdure.agent.event import Events
from perdure.agent.options import AgentOptions
from perdure.agent.place import Place
from perdure.chat.chunk import UIMessageChunk, sound
from perdure.chat.ending import ending


class Turn:
    """`number` is the present model call's, from 1, and `model` who is asked. `cost`: of all of them, by their records.
    `writable` None: nobody follows. `place`: where requests are made that come from inside the loop."""

    def __init__(self, writable: Writable[UIMessageChunk] | None, options: AgentOptions) -> None:
        self.writable, self.options = writable, options
        self.run_id, self.place = get_workflow_metadata().run_id, Place()
        self.number, self.cost = 0, Decimal(0)
        self.model: Model | None = None
        self._name = uuid4().hex
        self._events = Events()
        self._in_step = False

    @property
    def call(self) -> str:
        """A name that the present model call alone has."""
        return f"{self._name}:{self.number}"

    async def tell(self, *chunks: UIMessageChunk) -> None:
        """Write chunks, in the body."""
        if self.writable is not None:
            for chunk in sound(chunks):
                await self.writable.write(chunk)

    async def heard(self, event: AgentStreamEvent) -> None:
        """Something that a tool did."""
        chunks = await self._events.chunks(event) if self.writable is not None else []
        if chunks:
            await self.place.make(lambda: self.tell(*chunks))

    async def tell_end(
        self, finish_reason: str | None = None, *, stopped: str | None = None, error_told: bool = False
    ) -> None:
        """Say what the run's end writes from now on; where the stream is another run's, that is that run's to say."""
        if self.writable is not None and self.writable.run_id == self.run_id:
            told = ending(finish_reason, stopped=stopped, error_told=error_told)
            await self.writable.write_at_end(**told._asdict())

    async def tell_nothing_at_end(self) -> None:
        """All is said."""
        if self.writable is not None and self.writable.run_id == self.run_id:
            await self.writable.write_at_end()

    async def begin_step(self) -> None:
        """A model call is about to be made."""
        await self.end_step()
        self.number += 1
        self._in_step = True
        await self.tell({"type": "start-step"})

    async def end_step(self) -> None:
        if self._in_step:
            self._in_step = False
            await self.tell({"type": "finish-step"})


TURN: ContextVar[Turn | None] = ContextVar("perdure_agent_turn", default=None)


async def called(callback: Any, *arguments: Any) -> Any:
    """What a callback gives, async or not; None where there is none."""
    given = callback(*arguments) if callback is not None else None
    return await given if inspect.isawaitable(given) else given
