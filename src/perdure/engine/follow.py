"""Waits for the end of runs: told at once where the run lives in this process, else looked up when something changed.

One watcher looks for all, one after the other, so that waiting for many runs costs little, and a lost hint half a
second.
"""

import asyncio
import logging
from collections.abc import Callable

from perdure.engine.log import to_event
from perdure.errors import RunNotFound, WorldError
from perdure.model.event import ENDS, Event, Fact, RunBlocked
from perdure.model.ids import RunId
from perdure.world.world import World

logger = logging.getLogger("perdure")
LOOK_EVERY_S = 0.5
LOOK_PAUSE_S = 0.01


class Follower:
    """The ends that this process waits for. `lives_here` says whether the run's worker is this process's own."""

    def __init__(self, world: World, lives_here: Callable[[RunId], bool]) -> None:
        self._world, self._lives_here = world, lives_here
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[RunId, list[asyncio.Future[Fact]]] = {}
        self._changed = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def end(self, run_id: RunId) -> Fact:
        """The fact that ended the run, or blocked it. Raises: RunNotFound, WorldError."""
        if not self._lives_here(run_id):
            fact = await self._look(run_id)
            if fact is not None:
                return fact
        future: asyncio.Future[Fact] = self._loop.create_future()
        self._waiters.setdefault(run_id, []).append(future)
        if not self._lives_here(run_id):
            self._watch()
        try:
            return await future
        finally:
            waiters = self._waiters.get(run_id, [])
            if future in waiters:
                waiters.remove(future)
            if not waiters:
                self._waiters.pop(run_id, None)

    def left(self, run_id: RunId, fact: Fact | None) -> None:
        """The run has left this process's worker, by this fact if it ended or was blocked."""
        if run_id not in self._waiters:
            return
        if fact is None:
            self._watch()
            return
        for future in self._waiters.pop(run_id):
            if not future.done():
                future.set_result(fact)

    def close(self) -> None:
        self._unsubscribe()
        if self._watcher is not None:
            self._watcher.cancel()

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
        while self._waiters:
            self._changed.clear()
            for run_id in [*self._waiters]:
                if not self._lives_here(run_id):
                    await self._look_once(run_id)
            await asyncio.sleep(LOOK_PAUSE_S)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
        self._unsubscribe()

    async def _look_once(self, run_id: RunId) -> None:
        try:
            fact = await self._look(run_id)
        except (WorldError, RunNotFound) as error:
            logger.warning("run %s could not be looked at, trying again: %s", run_id, error)
            return
        if fact is not None:
            self.left(run_id, fact)

    async def _look(self, run_id: RunId) -> Fact | None:
        record = await self._world.read_run(run_id)
        if record is None:
            raise RunNotFound(run_id)
        if record.status in ("pending", "running"):
            return None
        log = await self._world.read_log(run_id, max(1, record.length))
        last: Event | None = to_event(log.rows[-1]) if log is not None and log.rows else None
        return last.fact if last is not None and isinstance(last.fact, (*ENDS, RunBlocked)) else None
