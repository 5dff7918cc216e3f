"""A process's event loop in virtual time. It can be paused, as by SIGSTOP, and killed, as by SIGKILL.

Each process of a simulation has its own loop, so that what belongs to a process needs no bookkeeping: a killed loop
runs nothing any more, a paused one keeps everything for later. No selector, no threads; a function that is sent to a
thread runs in the loop.
"""

import asyncio
import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import Context
from math import ceil
from typing import Any, TypeVar

from perdure.testing.simulation.universe import Spinning, Universe

T = TypeVar("T")
HANDLES_MAX = 100_000
THREAD_MS = (1, 40)


class Died(BaseException):
    """The process is no more: whatever it was doing ends here."""


class VirtualLoop(asyncio.AbstractEventLoop):
    """The part of asyncio's loop that follows from the clock, and from `call_soon` and `call_at`."""

    universe: Universe

    def time(self) -> float:
        return self.universe.now_us / 1_000_000

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
    ) -> asyncio.Task[T]:
        return asyncio.Task(coro, loop=self, name=str(name or "task"), context=context)  # pyright: ignore

    def run_in_executor(self, executor: object, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """A thread's work: done at once, over a little later."""
        future: asyncio.Future[T] = self.create_future()
        work: asyncio.Future[T] = self.create_future()
        try:
            work.set_result(func(*args))
        except Exception as error:
            work.set_exception(error)
        self.call_later(self.universe.random.uniform(*THREAD_MS) / 1000, _pass_on, work, future)
        return future

    def get_debug(self) -> bool:
        return False

    def get_task_factory(self) -> None:
        """None: anyio asks, and what stands on it (HTTP clients, MCP)."""

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing: the universe skips cancelled handles."""

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        return self.call_soon(callback, *args, context=context)


class ProcessLoop(VirtualLoop):
    """`owner` is whoever this process belongs to; `reports` is what asyncio reported (an exception nobody took)."""

    def __init__(self, universe: Universe, owner: object = None) -> None:
        self.universe, self.owner = universe, owner
        self.dead = False
        self.reports: list[dict[str, Any]] = []
        self._ready: deque[Any] = deque()
        self._running = self._awaited = False
        self._paused_until_us = 0

    # -- driven by the universe

    def arrive(self, handle: Any) -> None:
        """Something is due here."""
        if self.dead:
            return
        if self._paused_until_us > self.universe.now_us:
            self.universe.at_us(self._paused_until_us, self, handle)
            return
        self._ready.append(handle)
        self._run()

    def pause(self, until_us: int) -> None:
        """Stand still until then, from when it comes to rest: what a look at the lease allowed has begun by then."""
        self._paused_until_us = max(self._paused_until_us, until_us)

    @property
    def paused(self) -> bool:
        return self._paused_until_us > self.universe.now_us

    def kill(self) -> None:
        """Run nothing any more. The one who kills calls `bury` when the loop doesn't run."""
        self.dead = True

    def bury(self) -> None:
        """Throw away what is unfinished: nothing of it may complain, or act, when Python collects it."""
        assert self.dead and not self._running, "a loop is buried when it is dead and at rest"
        for task in asyncio.all_tasks(self):
            silent: Any = task
            silent._log_destroy_pending = False
            if not task.done():
                coroutine: Any = task.get_coro()
                with suppress(BaseException):  # it awaited something at its end, or raised: its own affair
                    coroutine.close()
        self._ready.clear()

    def _run(self) -> None:
        """Run what is ready, and what that makes ready, until nothing is."""
        if self._running:
            return
        self._running, ready, count = True, self._ready, 0
        asyncio._set_running_loop(self)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._let_go)
        try:
            while ready and not self.dead:
                handle = ready.popleft()
                count += 1
                if count > HANDLES_MAX:
                    raise Spinning(f"{count} callbacks at {self.universe.now_us} us, the last is {handle!r}")
                if not handle._cancelled:
                    self._call(handle)
        finally:
            sys.set_asyncgen_hooks(*hooks)
            asyncio._set_running_loop(None)
            self._running = False

    def _let_go(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Close an async generator that was left halfway, as asyncio does; the dead do nothing more."""
        if not self.dead:
            self.call_soon(self.create_task, generator.aclose())

    def _call(self, handle: Any) -> None:
        try:
            handle._context.run(handle._callback, *handle._args)
        except (KeyboardInterrupt, SystemExit, Spinning):
            raise
        except BaseException as error:
            message = f"Exception in callback {handle!r}"
            self.call_exception_handler({"message": message, "exception": error, "handle": handle})

    def _awaken(self, at_us: int) -> None:
        if not self._awaited:
            self._awaited = True
            self.universe.at_us(at_us, self, asyncio.Handle(self._awake, (), self))

    def _awake(self) -> None:
        self._awaited = False

    # -- called by asyncio

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        if not self.dead:
            self._ready.append(handle)
            if not self._running:
                self._awaken(self.universe.now_us)
        return handle

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        at_us = ceil(when * 1_000_000)
        at_us += at_us / 1_000_000 < when  # never before `when`, not by a bit: whoever looks at the clock arms it again
        if not self.dead:
            self.universe.at_us(at_us, self, timer)
        return timer

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.dead and not isinstance(context.get("exception"), Died):
            self.reports.append(context)

    def is_running(self) -> bool:
        return self._running

    def is_closed(self) -> bool:
        return self.dead


def _pass_on(done: "asyncio.Future[T]", waiting: "asyncio.Future[T]") -> None:
    error = done.exception()
    if waiting.done():
        return
    if error is not None:
        waiting.set_exception(error)
    else:
        waiting.set_result(done.result())
