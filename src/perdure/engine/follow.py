"""Waits for the end of runs: told at once where the run lives in this process, else looked up when something changed.

One watcher looks for all, a thousand with one question: waiting for many runs costs little, and a lost hint two seconds.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from perdure.codec.keyring import KeyRing
from perdure.engine.committer import closing
from perdure.engine.log import to_events
from perdure.errors import RunNotFound, WorldError, WorldUnavailable
from perdure.model.event import ENDS, Fact, RunBlocked
from perdure.model.ids import RunId
from perdure.world.query import RunFilter, RunRecord
from perdure.world.world import World

logger = logging.getLogger("perdure")
LOOK_EVERY_S = 2.0
LOOK_PAUSE_S = 0.01
AT_ONCE = 1000
LAST = (*ENDS, RunBlocked)
OVER = ("completed", "failed", "cancelled", "blocked")


class Follower:
    """The ends that this process waits for. `lives_here` says whether the run's worker is this process's own."""

    def __init__(self, world: World, lives_here: Callable[[RunId], bool], keys: KeyRing | None = None) -> None:
        self._world, self._lives_here, self._keys = world, lives_here, keys
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[RunId, list[asyncio.Future[Fact]]] = {}
        self._changed = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False
        self._unsubscribe: Callable[[], None] = lambda: None

    async def end(self, run_id: RunId) -> Fact:
        """The fact that ended the run, or blocked it, however long the World stays away meanwhile.

        Raises: RunNotFound, DecodeError, WorldError; WorldUnavailable only when closing.
        """
        is_here = self._lives_here(run_id)
        if not is_here and (fact := await self._first_look(run_id)) is not None:
            return fact
        if self._closed:
            raise closing()
        future: asyncio.Future[Fact] = self._loop.create_future()
        self._waiters.setdefault(run_id, []).append(future)
        if not is_here:
            self._watch()
        try:
            return await future
        finally:
            if run_id in self._waiters:  # it is given up, or somebody else waits anew
                self._forget(run_id, future)

    def left(self, run_id: RunId, fact: Fact | None) -> None:
        """The run has left this process's worker, by this fact if it ended or was blocked; else it goes on elsewhere."""
        if run_id not in self._waiters:
            return
        if not isinstance(fact, LAST):
            self._watch()
            return
        for future in self._waiters.pop(run_id):
            if not future.done():
                future.set_result(fact)

    def _forget(self, run_id: RunId, future: "asyncio.Future[Fact]") -> None:
        waiters = self._waiters[run_id]
        if future in waiters:
            waiters.remove(future)
        if not waiters:
            del self._waiters[run_id]

    def close(self) -> None:
        """Whoever still waits, or comes, is told that nobody looks any more."""
        self._closed = True
        self._unsubscribe()
        for run_id in [*self._waiters]:
            self._fail(run_id, closing())
        if self._watcher is not None:
            self._watcher.cancel()

    async def _first_look(self, run_id: RunId) -> Fact | None:
        """Most have ended by the time that somebody asks. A World that is away is asked again, with those of the others."""
        try:
            return await self._last(run_id, await self._world.read_run(run_id))
        except WorldUnavailable as error:
            logger.warning("run %s could not be looked at, trying again: %s", run_id, error)
            return None

    def _watch(self) -> None:
        self._changed.set()
        if self._watcher is None or self._watcher.done():
            self._unsubscribe()
            self._unsubscribe = self._world.subscribe(self._hinted)
            self._watcher = self._loop.create_task(self._look_for_all())

    def _hinted(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._changed.set)

    async def _look_for_all(self) -> None:
        whole_at = self._loop.time()
        while self._waiters:
            self._changed.clear()
            began = self._loop.time()
            elsewhere = [run_id for run_id in self._waiters if not self._lives_here(run_id)]
            whole = began >= whole_at
            if whole:
                whole_at = began + LOOK_EVERY_S
            for first in range(0, len(elsewhere), AT_ONCE):
                await self._look_once(elsewhere[first : first + AT_ONCE], whole)
            await asyncio.sleep(max(LOOK_PAUSE_S, self._loop.time() - began))
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
        self._unsubscribe()

    async def _look_once(self, run_ids: list[RunId], whole: bool) -> None:
        """At those that are over; `whole`: at all, for one that isn't there any more will never be over."""
        over = RunFilter(status=() if whole else OVER, run_ids=tuple(run_ids), limit=len(run_ids))
        try:
            found = {record.run_id: record for record in (await self._world.list_runs(over)).runs}
            looked_at = run_ids if whole else found
            await asyncio.gather(*(self._look_at(run_id, found.get(run_id)) for run_id in looked_at))
        except WorldError as error:
            logger.warning("%d runs could not be looked at, trying again: %s", len(run_ids), error)

    async def _look_at(self, run_id: RunId, record: RunRecord | None) -> None:
        """Raises: WorldError."""
        try:
            fact = await self._last(run_id, record)
        except WorldError:
            raise
        except Exception as error:  # it can't be read here: the trouble of those who wait for it, and of nobody else
            self._fail(run_id, error)
        else:
            if fact is not None:
                self.left(run_id, fact)

    def _fail(self, run_id: RunId, error: Exception) -> None:
        for future in self._waiters.pop(run_id, []):
            if not future.done():
                future.set_exception(error)

    async def _last(self, run_id: RunId, record: RunRecord | None) -> Fact | None:
        """The fact that ended or blocked the run, whose row this is. Raises: RunNotFound, DecodeError, WorldError."""
        if record is None:
            raise RunNotFound(run_id)
        if record.status in ("pending", "running"):
            return None
        log = await self._world.read_log(run_id, max(1, record.length))
        events = to_events(log, self._keys) if log is not None else []
        return events[-1].fact if events and isinstance(events[-1].fact, LAST) else None


class Reminders:
    """What is to be done for those who have waited for long: one timer for all of them, as most don't. The delay is the
    same for all."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: OrderedDict[object, tuple[float, Callable[[], Coroutine[Any, Any, None]], Context]] = OrderedDict()
        self._is_set = False
        self._context = Context()  # the timer is nobody's in particular

    def begin(self, delay_s: float, remind: Callable[[], Coroutine[Any, Any, None]]) -> object:
        """Run this after the delay, in the caller's context, unless the wait (by what is returned) has ended."""
        wait = object()
        self._due[wait] = self._loop.time() + delay_s, remind, copy_context()
        if not self._is_set:
            self._is_set = True
            self._loop.call_later(delay_s, self._ring, context=self._context)
        return wait

    def end(self, wait: object) -> None:
        self._due.pop(wait, None)

    def _ring(self) -> None:
        now = self._loop.time()
        while self._due:
            wait, (due_at, remind, context) = next(iter(self._due.items()))
            if due_at > now:
                self._loop.call_at(due_at, self._ring, context=self._context)
                return
            del self._due[wait]
            self._loop.create_task(remind(), context=context)
        self._is_set = False
