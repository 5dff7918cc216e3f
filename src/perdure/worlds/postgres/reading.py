"""Readings share statements, as writes do: what is asked for in one turn of the loop is one round trip.

A worker opens the runs of a claim side by side, a client waits for a thousand results: with a statement for each the
server would parse and plan a thousand times.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

AT_ONCE = 100
Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Readings(Generic[Question, Answer]):
    """Of one kind, for any loop that asks. `ask` answers some questions, at most AT_ONCE, in their order."""

    def __init__(self, ask: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        self._ask = ask
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[asyncio.Future[Answer], Question]]
        self._open = WeakKeyDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, question: Question) -> Answer:
        """Raises: what `ask` raises."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        asked = self._open.get(loop)
        if asked is None or len(asked) >= AT_ONCE:
            asked = self._open[loop] = {}
            task = loop.create_task(self._answer(loop, asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        asked[future] = question
        return await future

    async def _answer(self, loop: asyncio.AbstractEventLoop, asked: "dict[asyncio.Future[Answer], Question]") -> None:
        """A task begins in the next turn of the loop: by then all of this turn have asked."""
        if self._open.get(loop) is asked:
            del self._open[loop]
        try:
            answers = await self._ask([*asked.values()])
        except Exception as error:
            for future in asked:
                if not future.done():
                    future.set_exception(error)
        else:
            for future, answer in zip(asked, answers, strict=True):
                if not future.done():
                    future.set_result(answer)
        finally:
            for future in asked:
                future.cancel()  # where the loop ends: nobody will answer
