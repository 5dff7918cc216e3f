"""Runs attempts of steps: async ones as tasks, sync ones in threads, so many at once and no more.

An attempt's outcome goes to its run, which records it; nothing here knows the log. A cancelled or dropped attempt
reports nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any

from perdure.codec.arguments import decode_arguments
from perdure.codec.value import encode
from perdure.core.pending import OpenStep
from perdure.engine.registry import Registry
from perdure.engine.running import Running, StepOwner
from perdure.errors import StepTimeout
from perdure.model.definition import StepDefinition
from perdure.replay.scope import SCOPE

logger = logging.getLogger("perdure")


class Steps:
    """A worker's attempts. At most `concurrency` hold a slot; the others wait in order."""

    def __init__(self, registry: Registry, concurrency: int, may_begin: Callable[[], bool]) -> None:
        self._registry, self._may_begin = registry, may_begin
        self._loop = asyncio.get_running_loop()
        self._concurrency, self._busy = concurrency, 0
        self._waiting: deque[Running] = deque()
        self._running: dict[Running, None] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._paused = False

    @property
    def busy(self) -> int:
        """How many attempts hold or wait for a slot."""
        return self._busy + len(self._waiting)

    def begin(self, owner: StepOwner, step: OpenStep, attempt: int) -> Running:
        """Run this attempt, at once or as soon as there is a slot."""
        running = Running(self._loop, owner, step, attempt)
        if self._paused or self._busy >= self._concurrency or not self._may_begin():
            self._waiting.append(running)
        else:
            self._launch(running)
        return running

    def cancel(self, running: Running) -> None:
        """Nobody wants the outcome any more. A sync body can't be interrupted: it keeps its slot until it ends."""
        running.cancelled = True
        if running.task is not None:
            running.task.cancel()

    def pause(self) -> None:
        """Begin nothing more (a lapsed lease, a drain); what runs goes on."""
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        self._fill()

    async def finished(self, timeout_s: float) -> None:
        """Wait until nothing runs any more, at most so long."""
        tasks = [running.task for running in self._running if running.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    def close(self) -> None:
        """Cancel what still runs, and let the threads go."""
        self.pause()
        self._waiting.clear()
        for running in list(self._running):
            self.cancel(running)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    # -- one attempt

    def _launch(self, running: Running) -> None:
        self._busy += 1
        self._running[running] = None
        context = Context()
        context.run(SCOPE.set, running)
        running.began_at = self._loop.time()
        running.task = asyncio.Task(self._attempt(running), loop=self._loop, context=context)

    async def _attempt(self, running: Running) -> None:
        definition: StepDefinition | None = None
        try:
            definition = self._registry.step(running.step_name)
            arguments = decode_arguments(running.step.input, definition.types)
            if definition.is_plain:
                result = encode(await definition.call(arguments), "result")
            else:
                running.listen(definition.heartbeat_timeout_ms / 1000)
                result = encode(await self._call(running, definition, arguments), "result")
        except asyncio.CancelledError as error:
            self._ended(running)
            if running.silent and definition is not None:
                limit = StepTimeout(running.step_name, definition.heartbeat_timeout_ms, silent=True)
                running.owner.step_failed(running, definition, limit)
            elif not running.cancelled and not _is_being_cancelled():
                running.owner.step_failed(running, definition, error)
        except BaseException as error:  # whatever a body ends in is its own outcome, never the worker's end
            self._ended(running)
            if not running.cancelled:
                running.owner.step_failed(running, definition, error)
        else:
            self._ended(running)
            if not running.cancelled:
                running.owner.step_succeeded(running, result)

    async def _call(self, running: Running, definition: StepDefinition, arguments: dict[str, Any]) -> Any:
        if not definition.timeout_ms:
            return await self._body(running, definition, arguments)
        limit = asyncio.timeout(definition.timeout_ms / 1000)
        try:
            async with limit:
                return await self._body(running, definition, arguments)
        except TimeoutError:
            if limit.expired():
                raise StepTimeout(running.step_name, definition.timeout_ms) from None
            raise

    async def _body(self, running: Running, definition: StepDefinition, arguments: dict[str, Any]) -> Any:
        if definition.is_async:
            return await definition.call(arguments)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="perdure-step")
        context = Context()
        context.run(SCOPE.set, SCOPE.get())
        running.thread = self._loop.run_in_executor(self._pool, lambda: context.run(_called, definition, arguments))
        return await asyncio.shield(running.thread)

    def _ended(self, running: Running) -> None:
        """The attempt is over: its slot is free, unless a thread still holds it."""
        if running.watch is not None:
            running.watch.cancel()
        if running.thread is not None and not running.thread.done():
            running.thread.add_done_callback(partial(self._thread_ended, running))
        else:
            self._free(running)

    def _thread_ended(self, running: Running, thread: "asyncio.Future[Any]") -> None:
        if not thread.cancelled():
            thread.exception()  # retrieved: an outcome that came too late is dropped
        self._free(running)

    def _free(self, running: Running) -> None:
        self._busy -= 1
        self._running.pop(running, None)
        if self._waiting:
            self._fill()

    def _fill(self) -> None:
        while self._waiting and self._busy < self._concurrency and not self._paused and self._may_begin():
            running = self._waiting.popleft()
            if not running.cancelled:
                self._launch(running)


def _called(definition: StepDefinition, arguments: dict[str, Any]) -> Any:
    try:
        return definition.call(arguments)
    except StopIteration as error:  # asyncio can't carry one from a thread; as in coroutines (PEP 479)
        raise RuntimeError(f"step {definition.name} raised StopIteration") from error


def _is_being_cancelled() -> bool:
    """Whether somebody cancelled this task from outside (the loop's end), as opposed to its body raising the error."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
