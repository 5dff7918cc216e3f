"""perdure for code without an event loop: every name of `perdure`, blocking where that awaits.

    from perdure.sync import start

    print(start(hello, "Ann").result())

One background thread holds the loop that carries these calls, and its worker. It begins with the first call, and ends
with `close` or with the process, handing its runs back. In sync steps the loop of the step's worker carries them, and
`heartbeat` and `set_attributes` act in the step's own thread. Where a loop runs (a workflow's body, an async step) the
blocking names raise UsageError: there one awaits.

What awaits nothing is the same object as in `perdure`, and so is `timeout`, which only async code can use.
"""

import asyncio
import atexit
import threading
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial, update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, TypeVarTuple, overload

from typing_extensions import TypeForm

import perdure
from perdure import *  # noqa: F403 # pyright: ignore[reportAssignmentType] - what blocks is defined anew below
from perdure.api.records import Listing as AsyncListing
from perdure.api.run import Run as AsyncRun
from perdure.model.duration import Duration
from perdure.model.status import Status
from perdure.replay.scope import current_attempt

__all__: list[str] = []
__all__ += perdure.__all__

P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

END_S = 10.0
"""How long the end of the process waits for the background thread; what it then leaves behind, a lease gives back."""


class Background:
    """The thread whose loop carries blocking calls. It is started when needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def run(self, name: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the coroutine comes to. It runs in a copy of the caller's context, and is cancelled if its caller is.

        In a sync step it runs on the loop of the step's worker: what is started there is that worker's own.
        Raises: UsageError, which names `name`, if the caller's thread has a running loop.
        """
        refuse_in_a_loop(name)
        attempt = current_attempt()
        loop = attempt.loop if attempt is not None and attempt.loop.is_running() else self._started()
        future = asyncio.run_coroutine_threadsafe(make(), loop)
        try:
            return future.result()
        finally:
            future.cancel()

    def stop(self) -> None:
        """End the loop, which hands its worker's runs back. Harmless to repeat; another call starts it again."""
        with self._lock:
            thread, loop, ending = self._thread, self._loop, self._ending
            self._thread = None
        if thread is not None and thread.is_alive() and loop is not None and ending is not None:
            loop.call_soon_threadsafe(ending.set)
            thread.join(END_S)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # after a fork it isn't, in the child
                ready = threading.Event()
                main = partial(asyncio.run, self._main(ready))
                self._thread = threading.Thread(target=main, name="perdure-sync", daemon=True)
                self._thread.start()
                ready.wait()
            assert self._loop is not None
            return self._loop

    async def _main(self, ready: threading.Event) -> None:
        self._loop, self._ending = asyncio.get_running_loop(), asyncio.Event()
        ready.set()
        await self._ending.wait()


BACKGROUND = Background()
atexit.register(BACKGROUND.stop)


def refuse_in_a_loop(name: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise perdure.UsageError(f"perdure.sync.{name} would block the event loop that runs here: await perdure.{name}")


# -- from a name that awaits to one that blocks


def blocking(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function, run on the background loop."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return BACKGROUND.run(function.__name__, lambda: function(*args, **kwargs))

    return update_wrapper(call, function)


def immediate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """The same function, run in the caller's thread: for those that wait for nothing, and ask for their step."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        refuse_in_a_loop(function.__name__)
        coroutine = function(*args, **kwargs)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError(f"{function.__name__} waits for something")

    return update_wrapper(call, function)


def blocking_block(
    function: Callable[P, AbstractAsyncContextManager[Any]],
) -> Callable[P, AbstractContextManager[None]]:
    """The same block; what it gives to async code is not for others. It ends alike however its body ends."""

    @contextmanager
    def block(*args: P.args, **kwargs: P.kwargs) -> Generator[None]:
        manager = function(*args, **kwargs)

        async def enter() -> None:
            await manager.__aenter__()

        async def leave() -> None:
            await manager.__aexit__(None, None, None)

        BACKGROUND.run(function.__name__, enter)
        try:
            yield
        finally:
            BACKGROUND.run(function.__name__, leave)

    return update_wrapper(block, function)


class BlockingMethod(Generic[P, T]):
    """A method of the handle that awaits, for the one that blocks."""

    def __init__(self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> None:
        self._method: Callable[..., Coroutine[Any, Any, T]] = method
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type) -> Callable[P, T]:
        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            name = f"{owner.__name__}.{self._method.__name__}"
            return BACKGROUND.run(name, lambda: self._method(instance.as_async, *args, **kwargs))

        return update_wrapper(call, self._method)


def each(name: str, items: AsyncIterable[T]) -> Iterator[T]:
    """What an async iterator gives, one by one."""
    iterator: AsyncIterator[T] = aiter(items)

    async def next_one() -> T:
        return await anext(iterator)

    while True:
        try:
            item = BACKGROUND.run(name, next_one)
        except StopAsyncIteration:
            return
        yield item


# -- the names


class Listing(Generic[T]):
    """A list: iterate over all of it, or ask for one `page()`."""

    def __init__(self, name: str, listing: AsyncListing[T]) -> None:
        self._name, self._listing = name, listing

    def page(self) -> perdure.Page[T]:
        """The page at the listing's cursor."""

        async def page() -> perdure.Page[T]:
            return await self._listing

        return BACKGROUND.run(self._name, page)

    def __iter__(self) -> Iterator[T]:
        return each(self._name, self._listing)


class Run(Generic[R]):
    """One run, by its id; `as_async` is the handle for async code. Making one does no I/O."""

    def __init__(self, run: AsyncRun[R]) -> None:
        self.run_id, self.as_async = run.run_id, run

    def __repr__(self) -> str:
        return repr(self.as_async)

    result = BlockingMethod(AsyncRun[R].result)
    status = BlockingMethod(AsyncRun[R].status)
    info = BlockingMethod(AsyncRun[R].info)
    cancel = BlockingMethod(AsyncRun[R].cancel)
    wake_up = BlockingMethod(AsyncRun[R].wake_up)
    retry = BlockingMethod(AsyncRun[R].retry)

    def rerun(self) -> "Run[R]":
        """A new run with the same workflow and input. Raises: RunNotFound."""
        return Run(BACKGROUND.run("Run.rerun", self.as_async.rerun))

    def events(self, cursor: str | None = None) -> Listing[perdure.EventInfo]:
        """The run's log, in order."""
        return Listing("Run.events", self.as_async.events(cursor))

    def steps(self) -> Listing[perdure.StepInfo]:
        """The run's steps, in the order of their calls."""
        return Listing("Run.steps", self.as_async.steps())

    def waits(self) -> Listing[perdure.WaitInfo]:
        """The run's sleeps and timeouts, in the order in which they began."""
        return Listing("Run.waits", self.as_async.waits())


heartbeat = immediate(perdure.heartbeat)
set_attributes = immediate(perdure.set_attributes)
race = blocking(perdure.race)
sleep = blocking(perdure.sleep)
wait = blocking(perdure.wait)
worker = blocking_block(perdure.worker)


@overload
def start(
    workflow: Callable[[*Ts], Coroutine[Any, Any, R]], /, *args: *Ts, options: perdure.StartOptions
) -> Run[R]: ...
@overload
def start(workflow: Callable[P, Coroutine[Any, Any, R]], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
def start(workflow: Callable[..., Coroutine[Any, Any, R]], /, *args: Any, **kwargs: Any) -> Run[R]:
    """`perdure.start`, blocking: durable when it returns; the background thread's worker runs it."""
    return Run(BACKGROUND.run("start", lambda: perdure.start(workflow, *args, **kwargs)))


@overload
def get_run(run_id: str) -> Run[Any]: ...
@overload
def get_run(run_id: str, returns: TypeForm[R], /) -> Run[R]: ...
def get_run(run_id: str, returns: Any = Any) -> Run[Any]:
    """A handle on the run with this id; no I/O. `returns` is the type of its result. Raises: RunNotFound, if it is none."""
    return Run(perdure.get_run(run_id, returns))


def find_run(idempotency_key: str) -> Run[Any] | None:
    """The run that was started with this key, or None."""
    found = BACKGROUND.run("find_run", lambda: perdure.find_run(idempotency_key))
    return None if found is None else Run(found)


def list_runs(
    *,
    status: Status | None = None,
    workflow: perdure.Workflow[..., Any] | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: dict[str, str] | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Listing[perdure.RunInfo]:
    """Runs, newest first: iterate over all, or ask for a `page()` of at most `limit`. Every condition must hold."""
    listing = perdure.list_runs(
        status=status, workflow=workflow, since=since, until=until, attributes=attributes, limit=limit, cursor=cursor
    )
    return Listing("list_runs", listing)


def as_completed(aws: Iterable[Awaitable[T]], *, timeout: Duration | None = None) -> Iterator[asyncio.Future[T]]:
    """What finishes first comes first, each with its `result()`. Raises: TimeoutError, at the next after `timeout`."""

    async def begin() -> AsyncIterable[asyncio.Future[T]]:
        return perdure.as_completed(aws, timeout=timeout)

    return each("as_completed", BACKGROUND.run("as_completed", begin))


def close(grace: Duration = 0) -> None:
    """Drain the worker (running steps get `grace` to end), close the World, end the background thread."""
    BACKGROUND.run("close", lambda: perdure.close(grace))
    BACKGROUND.stop()
