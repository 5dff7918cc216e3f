"""Where an agent's requests are made: by tasks of its own, one for each, numbered as they come.

A request's key is its place in the body's task tree. pydantic-ai makes tasks as it likes, and otherwise in its next release;
were steps called in these, a log would fit one release alone.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


class _Job(NamedTuple):
    make: Callable[[], Coroutine[Any, Any, Any]]
    context: Context
    begun: asyncio.Future[asyncio.Task[Any]]


class Place:
    """One conversation's; made in the task that has it. `close` when it is over."""

    def __init__(self) -> None:
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._serving = asyncio.create_task(self._serve())

    async def make(self, job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the job gives, in a task of this place and the caller's context; it is cancelled with the caller."""
        begun: asyncio.Future[asyncio.Task[Any]] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(job, copy_context(), begun))
        try:
            task = await begun
        except asyncio.CancelledError:
            if begun.done() and not begun.cancelled():
                begun.result().cancel()
            raise
        return await task

    def close(self) -> None:
        self._serving.cancel()

    async def _serve(self) -> None:
        while True:
            job = await self._jobs.get()
            if not job.begun.done():
                job.begun.set_result(asyncio.create_task(job.make(), context=job.context))
