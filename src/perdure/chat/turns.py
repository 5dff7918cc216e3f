"""The turns of a chat that is one run: messages come through its hook, wait in order, and are taken one by one."""

import asyncio
from collections import deque

from perdure.api.metadata import get_workflow_metadata
from perdure.api.wait import timeout
from perdure.chat.message import UIMessage, misfit
from perdure.chat.turn import WORDS, ChatTurn, Word, turn_misfit
from perdure.model.duration import Duration


class Turns:
    """`async with Turns(message, idle="1h") as turns: async for turn in turns: await turn.answer(…)`, in a workflow's body.

    They end when nothing has come for so long, or somebody has asked for the end and all is answered. A message that is
    accepted and not taken, as the run ended just then, has no stream: its sender sees that, and begins a new run.
    """

    def __init__(self, first: UIMessage, *, idle: Duration) -> None:
        self._first, self._idle = first, idle
        self._turns: dict[str, ChatTurn] = {}
        self._waiting: deque[ChatTurn] = deque()
        self._came = asyncio.Event()
        self._last = False

    async def __aenter__(self) -> "Turns":
        self._hook = WORDS.create(get_workflow_metadata().run_id)
        await self._take(self._first)
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._listening.cancel()
        await self._hook.dispose()

    def __aiter__(self) -> "Turns":
        return self

    async def __anext__(self) -> ChatTurn:
        while not self._waiting:
            if self._last:
                raise StopAsyncIteration
            self._came.clear()
            try:
                async with timeout(self._idle):
                    await self._came.wait()
            except TimeoutError:
                raise StopAsyncIteration from None
        return self._waiting.popleft()

    async def _listen(self) -> None:
        async for word in self._hook:
            await self._hear(word)

    async def _hear(self, word: Word) -> None:
        match word:
            case Word("message", message=dict(message)):
                if (
                    misfit([message]) is None and turn_misfit(message) is None
                ):  # who posts to the bare hook may send anything
                    await self._take(message)
            case Word("stop", turn=id) if id in self._turns:
                self._turns[id].stop()
            case Word("end"):
                self._last = True
            case _:
                pass
        self._came.set()

    async def _take(self, message: UIMessage) -> None:
        turn = ChatTurn(message)
        if turn.id not in self._turns:  # else it was sent again
            self._turns[turn.id] = turn
            await turn.take()
            self._waiting.append(turn)
