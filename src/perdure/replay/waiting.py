"""perdure's `wait` and `as_completed`: asyncio's two that walk sets, with lists in the order of completion instead.

They work under any asyncio loop. In a workflow that order is the log's, and a timeout is a durable wait.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine, Iterable
from typing import Any, Generic, TypeVar, overload

from perdure.errors import ArgumentsInvalid
from perdure.model.duration import Duration, duration_ms

T = TypeVar("T")
F = TypeVar("F", bound="asyncio.Future[Any]")

_CONDITIONS = (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION)


def futures_of(verb: str, awaitables: Iterable[Awaitable[Any]]) -> list[asyncio.Future[Any]]:
    """One future for each awaitable, in the order given and without repeats; what is none becomes a task.

    Raises: ArgumentsInvalid, naming `verb`, before any task is made.
    """
    if inspect.isawaitable(awaitables):
        raise ArgumentsInvalid(verb, f"it takes a list of awaitables, not one {type(awaitables).__name__}")
    given: dict[int, Any] = {id(awaitable): awaitable for awaitable in awaitables}
    for number, awaitable in enumerate(given.values(), 1):
        if not inspect.isawaitable(awaitable):
            raise ArgumentsInvalid(verb, f"number {number} is of type {type(awaitable).__name__}: it can't be awaited")
        if isinstance(awaitables, set | frozenset) and not asyncio.isfuture(awaitable):
            raise ArgumentsInvalid(verb, "a set of coroutines has no order that a replay could repeat: pass a list")
    return [asyncio.ensure_future(awaitable) for awaitable in given.values()]


@overload
async def wait(
    aws: Iterable[F], *, timeout: Duration | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> tuple[list[F], list[F]]: ...
@overload
async def wait(
    aws: Iterable[Awaitable[T]], *, timeout: Duration | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> tuple[list[asyncio.Future[T]], list[asyncio.Future[T]]]: ...
async def wait(
    aws: Iterable[Awaitable[Any]], *, timeout: Duration | None = None, return_when: str = asyncio.ALL_COMPLETED
) -> tuple[list[Any], list[Any]]:
    """Wait for `aws`: `(done, pending)`. Cancels nothing, and raises nothing that a task raised or at the `timeout`.

    `done` is in order of completion (those that were done before the call come first, as given), `pending` as given.
    What isn't a task or future becomes a task. `return_when` is one of asyncio's three.
    Raises: ArgumentsInvalid, DurationInvalid.
    """
    if return_when not in _CONDITIONS:
        raise ArgumentsInvalid("wait", f"return_when={return_when!r} is none of {', '.join(_CONDITIONS)}")
    after_ms = None if timeout is None else duration_ms(timeout)
    futures = futures_of("wait", aws)
    if not futures:
        raise ArgumentsInvalid("wait", "it needs at least one awaitable")
    done = {future: None for future in futures if future.done()}  # a dict, for its order

    def ends_it(future: asyncio.Future[Any]) -> bool:
        return (
            len(done) == len(futures)
            or return_when == asyncio.FIRST_COMPLETED
            or (return_when == asyncio.FIRST_EXCEPTION and _failed(future))
        )

    if not any(map(ends_it, done)):
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def finish(future: asyncio.Future[Any]) -> None:
            done[future] = None
            if ends_it(future):
                _wake(waiter)

        running = [future for future in futures if future not in done]
        for future in running:
            future.add_done_callback(finish)
        timer = None if after_ms is None else _after(after_ms, _wake, waiter)
        try:
            await waiter
        finally:
            if timer is not None:
                timer.cancel()
            for future in running:
                future.remove_done_callback(finish)
        done |= {future: None for future in futures if future.done()}  # finished after the one that ended it
    return list(done), [future for future in futures if future not in done]


@overload
def as_completed(  # pyright: ignore[reportOverlappingOverload]
    aws: Iterable[asyncio.Task[T]], *, timeout: Duration | None = None
) -> "Completions[T, asyncio.Task[T]]": ...
@overload
def as_completed(
    aws: Iterable[Awaitable[T]], *, timeout: Duration | None = None
) -> "Completions[T, asyncio.Future[T]]": ...
def as_completed(aws: Iterable[Awaitable[Any]], *, timeout: Duration | None = None) -> "Completions[Any, Any]":
    """Iterate over `aws` as they finish: `async for task in …` gives tasks, `for next_one in …: await next_one` results.

    In a workflow the order is the log's, in every replay the same. What isn't a task or future becomes a task, at once. After
    `timeout` the next await raises TimeoutError; no task is cancelled. Raises: ArgumentsInvalid, DurationInvalid.
    """
    after_ms = None if timeout is None else duration_ms(timeout)
    return Completions(futures_of("as_completed", aws), after_ms)


class Completions(Generic[T, F]):
    """What `as_completed` gives: iterate over it once, in one of the two ways."""

    __slots__ = ("_finished", "_running", "_timer", "_wanted")

    def __init__(self, futures: list[asyncio.Future[Any]], after_ms: int | None) -> None:
        self._finished: asyncio.Queue[Any] = asyncio.Queue()  # futures; None for each that the timeout left unfinished
        self._running = len(futures)
        self._wanted = len(futures)
        for future in futures:
            future.add_done_callback(self._finish)
        self._timer = None if after_ms is None or not futures else _after(after_ms, self._give_up)

    def __iter__(self) -> "Completions[T, F]":
        return self

    def __next__(self) -> Coroutine[Any, Any, T]:
        if not self._wanted:
            raise StopIteration
        self._wanted -= 1
        return self._next_result()

    def __aiter__(self) -> "Completions[T, F]":
        return self

    async def __anext__(self) -> F:
        if not self._wanted:
            raise StopAsyncIteration
        self._wanted -= 1
        return await self._next_finished()

    async def _next_result(self) -> T:
        return (await self._next_finished()).result()

    async def _next_finished(self) -> F:
        future: F | None = await self._finished.get()
        if future is None:
            raise TimeoutError
        return future

    def _finish(self, future: asyncio.Future[Any]) -> None:
        if self._running:
            self._running -= 1
            self._finished.put_nowait(future)
            if not self._running and self._timer is not None:
                self._timer.cancel()

    def _give_up(self) -> None:
        for _ in range(self._running):
            self._finished.put_nowait(None)
        self._running = 0


def _failed(future: asyncio.Future[Any]) -> bool:
    return not future.cancelled() and future.exception() is not None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _after(delay_ms: int, callback: Any, *args: Any) -> asyncio.Handle:
    """As in asyncio.timeout, no time at all is the end of this pass, not a durable wait."""
    loop = asyncio.get_running_loop()
    return loop.call_later(delay_ms / 1000, callback, *args) if delay_ms else loop.call_soon(callback, *args)
