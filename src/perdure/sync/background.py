"""The loop that carries blocking calls: that of a sync step's worker, else one in a thread of its own."""

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import perdure
from perdure.model.duration import Duration
from perdure.replay.scope import current_attempt

T = TypeVar("T")

END_S = 10.0
"""How long the end of the process waits for the background thread; what it then leaves behind, a lease gives back."""

LOOK_EVERY_S = 1.0
"""How often a caller looks whether the loop that it waits for is still there."""


class Background:
    """The thread whose loop carries blocking calls. It is started when needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ending: asyncio.Event | None = None

    def loop(self, name: str) -> asyncio.AbstractEventLoop:
        """The one that carries a call from here. In a sync step it is that of the step's worker: what is started there
        is that worker's own. Raises: UsageError, which names `name`, if the caller's thread has a running loop."""
        refuse_in_a_loop(name)
        attempt = current_attempt()
        return attempt.loop if attempt is not None and attempt.loop.is_running() else self._started()

    def run(
        self,
        name: str,
        make: Callable[[], Coroutine[Any, Any, T]],
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> T:
        """What the coroutine comes to, on this loop (None: the one of `loop(name)`).

        It runs in a copy of the caller's context, and is cancelled if its caller is. Raises: UsageError as `loop`,
        WorldUnavailable if the loop ends before it.
        """
        loop = loop or self.loop(name)
        coroutine = make()
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        except RuntimeError:  # it is closed
            coroutine.close()
            raise ended(name) from None
        try:
            return _result(name, future, loop)
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


def ended(name: str) -> perdure.WorldUnavailable:
    return perdure.WorldUnavailable(f"the event loop that carried perdure.sync.{name} has ended")


def put_away(generator: AsyncGenerator[object, Any], loop: asyncio.AbstractEventLoop) -> None:
    """Nobody wants more of it. It is told, not waited for: this may be called by the garbage collector, anywhere."""
    with suppress(RuntimeError):  # a closed loop has closed its generators
        loop.call_soon_threadsafe(lambda: loop.create_task(_put_away(generator)))


async def _put_away(generator: AsyncGenerator[object, Any]) -> None:
    with suppress(RuntimeError):  # it runs, so it is being cancelled
        await generator.aclose()


def _result(name: str, future: "Future[T]", loop: asyncio.AbstractEventLoop) -> T:
    """Wait for it; not for ever, should its loop end without it, as when a process ends around a step's thread."""
    while True:
        try:
            return future.result(LOOK_EVERY_S)
        except TimeoutError:
            if future.done():  # the error is its own, or it has come just now
                return future.result()
            if loop.is_closed():
                raise ended(name) from None


def close(grace: Duration = 0) -> None:
    """Drain the worker (running steps get `grace` to end), close the World, end the background thread."""
    BACKGROUND.run("close", lambda: perdure.close(grace))
    BACKGROUND.stop()
