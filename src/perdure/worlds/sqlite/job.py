"""A job: work for a thread, and the future in the caller's event loop that learns what came of it."""

from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Iterable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from perdure.errors import WorldUnavailable


class Job:
    """`work` is called in the thread with what the thread gives (a connection, a transaction), then `arguments`."""

    __slots__ = ("arguments", "future", "work")

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...], future: "Future[Any]") -> None:
        self.work = work
        self.arguments = arguments
        self.future = future


class JobQueue:
    """Jobs on their way to threads. `None` in it tells one thread to end."""

    __slots__ = ("_closed", "_queue", "get", "get_nowait")

    def __init__(self) -> None:
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closed = False
        self.get = self._queue.get
        self.get_nowait = self._queue.get_nowait

    def put(self, job: Job) -> None:
        self._queue.put(job)
        if self._closed:
            self._refuse_rest()

    def end(self) -> None:
        """One thread ends after what was put before."""
        self._queue.put(None)

    def close(self) -> None:
        """When the threads have ended: what is in the queue, or still comes, is refused. Nobody waits for ever."""
        self._closed = True
        self._refuse_rest()

    def _refuse_rest(self) -> None:
        rest: list[Job] = []
        try:
            while True:
                job = self._queue.get_nowait()
                if job is not None:
                    rest.append(job)
        except Empty:
            settle([(job, None, WorldUnavailable("it was closed in this process")) for job in rest])


Settled = tuple[Job, Any, Exception | None]
"""A job with its result, or with its error."""


def settle(jobs: Iterable[Settled]) -> None:
    """Tell each caller, with one wake-up per event loop. May be called from any thread."""
    by_loop: dict[AbstractEventLoop, list[Settled]] = {}
    for settled in jobs:
        by_loop.setdefault(settled[0].future.get_loop(), []).append(settled)
    for loop, done in by_loop.items():
        with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(_tell, done)


def _tell(done: list[Settled]) -> None:
    for job, result, error in done:
        if job.future.done():
            continue  # its caller was cancelled
        if error is None:
            job.future.set_result(result)
        else:
            job.future.set_exception(error)
