"""Runs attempts of steps: async ones as tasks, sync ones in threads, so many at once and no more.

An attempt's outcome goes to its run, which records it; nothing here knows the log. A cancelled or dropped attempt
reports nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import Any

from perdure.codec.arguments import decode_arguments
from perdure.codec.value import encode
from perdure.engine.registry import Registry
from perdure.engine.running import Running
from perdure.engine.timers import Timers
from perdure.errors import StepTimeout
from perdure.model.definition import StepDefinition
from perdure.model.log import NEVER
from perdure.replay.scope import SCOPE

logger = logging.getLogger("perdure")


class Steps:
    """A worker's attempts. At most `concurrency` hold a slot; the others wait in order. Built-in steps take none.

    `log_level`: from there on it is kept what steps log that don't say so themselves.
    """

    def __init__(
        self, registry: Registry, concurrency: int, has_lease: Callable[[], bool], log_level: int = NEVER
    ) -> None:
        self._registry, self._has_lease, self._log_level = registry, has_lease, log_level
        self._loop = asyncio.get_running_loop()
        self._concurrency, self._busy = concurrency, 0
        self._waiting: deque[Running] = deque()
        self._ready: list[Running] = []  # but for the lease: they have their slot, or take none
        self._running: dict[Running, None] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._quiet: asyncio.Future[None] | None = None
        self.alone = asyncio.Lock()  # whose transaction keeps all others from writing
        self._paused = self._draining = False

    @property
    def busy(self) -> int:
        """How many attempts hold or wait for a slot."""
        return self._busy + len(self._waiting)

    @property
    def may_begin(self) -> bool:
        """Whether a body may: the lease is live, and what was lost while it may not have been is known (O3)."""
        return not self._paused and self._has_lease()

    def begin(self, running: Running) -> None:
        """Give this attempt a slot, at once or as soon as there is one; its owner then says `go`."""
        is_next = not running.takes_slot or (not self._waiting and self._busy < self._concurrency)
        if is_next and not self._draining and self.may_begin:
            self._take(running)
        elif running.takes_slot:
            self._waiting.append(running)
        else:
            self._ready.append(running)

    def go(self, running: Running) -> None:
        """Run the attempt, which has its slot, in a drain too.

        Its start may have taken long to commit: is the lease still live (O3)?
        """
        if running.cancelled:
            return
        if not self.may_begin:
            self._ready.append(running)
            return
        context = Context()
        context.run(SCOPE.set, running)
        running.task = asyncio.Task(self._attempt(running), loop=self._loop, context=context)

    def cancel(self, running: Running) -> None:
        """Nobody wants the outcome any more. A sync body can't be interrupted: it keeps its slot until it ends."""
        running.cancelled = True
        if running.task is not None:
            running.task.cancel()
        if running in self._running and not running.begun:  # nor will it: a task that is cancelled first never begins
            self._over(running)
            self._busy -= running.takes_slot
            self._loop.call_soon(self._fill)  # not now: who cancels may be about to cancel the next in line

    def pause(self) -> None:
        """Begin nothing until `resume`, as the lease may have lapsed; what runs goes on."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        ready, self._ready = self._ready, []
        for running in ready:
            if running in self._running:
                self.go(running)
            elif not running.cancelled:
                self.begin(running)
        self._fill()

    def drain(self) -> None:
        """Give no more slots, for good; what has one goes on, or begins when its start is committed."""
        self._draining = True

    async def finished(self, timeout_s: float) -> None:
        """Wait until no slot's holder runs any more, at most so long. Built-in steps may be cut off: others go on."""
        if not self._is_quiet():
            self._quiet = self._loop.create_future()
            await asyncio.wait([self._quiet], timeout=timeout_s)

    def close(self) -> None:
        """Cancel what still runs, and let the threads go."""
        self.drain()
        self._waiting.clear()
        self._ready.clear()
        for running in list(self._running):
            self.cancel(running)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # -- slots

    def _fill(self) -> None:
        while self._waiting and self._busy < self._concurrency and not self._draining and self.may_begin:
            running = self._waiting.popleft()
            if not running.cancelled:
                self._take(running)

    def _take(self, running: Running) -> None:
        self._busy += running.takes_slot
        self._running[running] = None
        running.owner.slot_came(running)

    def _ended(self, running: Running, error: BaseException | None = None, *, cancelled: bool = False) -> None:
        """The attempt is over: its slot is free, unless a thread still holds it."""
        running.telemetry.ended(error, cancelled=cancelled or running.cancelled)
        self._over(running)
        if running.watch is not None:
            running.watch.cancel()
        if running.thread is None or running.thread.done():
            self._free(running)
        else:
            running.thread.add_done_callback(_dropped)
            running.thread.add_done_callback(lambda _: self._free(running))

    def _free(self, running: Running) -> None:
        self._busy -= running.takes_slot
        if self._waiting:
            self._fill()

    def _over(self, running: Running) -> None:
        """Its body runs no more, or never will."""
        running.over()
        self._running.pop(running, None)
        if self._quiet is not None and not self._quiet.done() and self._is_quiet():
            self._quiet.set_result(None)

    def _is_quiet(self) -> bool:
        return not any(running.takes_slot for running in self._running)

    # -- one attempt

    async def _attempt(self, running: Running) -> None:
        running.begun, running.began_at = True, self._loop.time()
        definition: StepDefinition | None = None
        try:
            running.telemetry = running.owner.telemetry.attempt(running)
            definition = self._registry.step(running.step_name)
            log_level = self._log_level if definition.log_level is None else definition.log_level
            if log_level < NEVER and running.takes_slot:
                running.capture_from(log_level)
            arguments = decode_arguments(running.step.input, definition.types)
            if definition.is_plain:
                result = encode(await definition.call(arguments), "result")
            else:
                body = partial(self._body, running, definition, arguments)
                result = await _within_limits(running, definition, body)
        except asyncio.CancelledError as error:
            if running.silent and definition is not None:
                limit = StepTimeout(running.step_name, definition.heartbeat_timeout_ms, silent=True)
                self._ended(running, limit)
                running.owner.step_failed(running, definition, limit)
            elif running.cancelled or _is_being_cancelled():
                self._ended(running, None, cancelled=True)
            else:
                self._ended(running, error)
                running.owner.step_failed(running, definition, error)
        except BaseException as error:  # whatever a body ends in is its own outcome, never the worker's end
            self._ended(running, error)
            if not running.cancelled:
                running.owner.step_failed(running, definition, error)
        else:
            self._ended(running)
            if not running.cancelled:
                running.owner.step_succeeded(running, result)

    async def _body(self, running: Running, definition: StepDefinition, arguments: dict[str, Any]) -> Any:
        if definition.is_async:
            return await definition.call(arguments)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="perdure-step")
        context = copy_context()
        running.thread = self._loop.run_in_executor(self._pool, lambda: context.run(_called, definition, arguments))
        return await asyncio.shield(running.thread)


async def _within_limits(running: Running, definition: StepDefinition, body: Callable[[], Awaitable[Any]]) -> bytes:
    """What the body comes to; its transaction, if it has one, is open for its completion then, and else has ended."""
    if definition.transaction:
        await running.owner.enclosure.open(running, definition)
    opened, done = running.opened, False
    limits_ms = [definition.timeout_ms, 0 if opened is None else opened.limit_ms]
    try:
        running.listen(definition.heartbeat_timeout_ms / 1000)
        limit_ms = min(filter(None, limits_ms), default=0)
        result = encode(await _in_time(running.timers, definition.name, limit_ms, body()), "result")
        done = not running.cancelled
        return result
    finally:
        if opened is not None and not done:
            opened.end()


async def _in_time(timers: Timers, step: str, limit_ms: int, body: Awaitable[Any]) -> Any:
    if not limit_ms:
        return await body
    limit = asyncio.timeout(None)
    timer = timers.after(limit_ms / 1000, limit.reschedule, 0)
    try:
        async with limit:
            return await body
    except TimeoutError:
        if limit.expired():
            raise StepTimeout(step, limit_ms) from None
        raise
    finally:
        timer.cancel()


def _dropped(thread: "asyncio.Future[Any]") -> None:
    """An outcome that came too late; it is retrieved, so that asyncio doesn't complain."""
    if not thread.cancelled():
        thread.exception()


def _called(definition: StepDefinition, arguments: dict[str, Any]) -> Any:
    try:
        return definition.call(arguments)
    except StopIteration as error:  # asyncio can't carry one from a thread; as in coroutines (PEP 479)
        raise RuntimeError(f"step {definition.name} raised StopIteration") from error


def _is_being_cancelled() -> bool:
    """Whether somebody cancelled this task from outside (the loop's end), as opposed to its body raising the error."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
