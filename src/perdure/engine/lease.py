"""A worker's sign of life: its lease, renewed from a thread of its own, which also watches the loop (O4).

The thread has its own event loop, so a body or a step that holds the worker's loop doesn't cost the lease. It reports a
body that holds the thread too long, with its stack, and in the end gives the worker's other runs up.
"""

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from perdure.errors import WorldError
from perdure.model.ids import RunId
from perdure.world.ownership import Lease
from perdure.world.world import World

logger = logging.getLogger("perdure")
LEASE_MS = 10_000
BEATS_PER_LEASE = 5
REPORT_AFTER_S = 1.0
GIVE_UP_AFTER_S = 30.0


class Leasing(NamedTuple):
    """How a worker keeps its lease: for so long at a time, by a thread of its own (else by a task: for simulations)."""

    ms: int = LEASE_MS
    own_thread: bool = True


class LeaseKeeper:
    """Renews one lease. `live` is this side's view, measured from before each beat was sent, with a margin."""

    def __init__(self, world: World, lease: Callable[[], Lease], clock: Callable[[], float], beat_s: float) -> None:
        self._world, self._lease, self._clock, self._beat_s = world, lease, clock, beat_s
        self._good_until = 0.0

    @property
    def live(self) -> bool:
        """Whether the lease is surely live now."""
        return self._clock() < self._good_until

    async def beat(self) -> None:
        """One heartbeat. Raises: WorldError."""
        sent, lease = self._clock(), self._lease()
        await self._world.beat(lease)
        self._good_until = sent + lease.lease_ms / 1000 * 0.9

    async def retire(self) -> None:
        """End the lease. Raises: WorldError."""
        await self._world.retire(self._lease().worker_id, died=False)

    async def keep(self) -> None:
        """Beat for ever, behind a first beat; a failure is logged, and tried again with the next beat."""
        while True:
            await asyncio.sleep(self._beat_s)
            try:
                await self.beat()
            except WorldError as error:
                logger.warning("a heartbeat failed: %s", error)


class Watch:
    """What holds the worker's loop right now: set by the worker, read by the pulse's thread."""

    def __init__(self) -> None:
        self.run_id: RunId | None = None
        self.since = 0.0
        self.thread_id = threading.get_ident()
        self.loop = asyncio.get_running_loop()
        self._reported = 0.0

    def activating(self, run_id: RunId | None) -> None:
        """A body is about to hold the loop's thread (or, None, has let go of it)."""
        if run_id is not None:
            self.since = time.monotonic()
        self.run_id = run_id

    def held_s(self) -> float:
        return time.monotonic() - self.since if self.run_id is not None else 0.0

    def report(self) -> None:
        """Say once which body holds the thread, and where."""
        run_id, since, held_s = self.run_id, self.since, self.held_s()
        frame = sys._current_frames().get(self.thread_id)  # pyright: ignore[reportPrivateUsage]
        if run_id is None or self._reported == since or frame is None:
            return
        self._reported = since
        stack = "".join(traceback.format_stack(frame)[-8:])
        logger.error("the body of run %s has held its worker's thread for %.1f s:\n%s", run_id, held_s, stack)


class Pulse:
    """The thread that keeps a worker's lease and watches its loop."""

    def __init__(
        self, keeper: LeaseKeeper, watch: Watch, give_up: Callable[[RunId | None], Coroutine[Any, Any, None]]
    ) -> None:
        self._keeper, self._watch, self._give_up = keeper, watch, give_up
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._main, name="perdure-pulse", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, and wait for it."""
        self._stopping.set()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
        self._thread.join(timeout=5)

    def _main(self) -> None:
        with suppress(asyncio.CancelledError):
            asyncio.run(self._beat_and_watch())

    async def _beat_and_watch(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stopping.is_set():
            return
        keeping = asyncio.create_task(self._keeper.keep())
        await self._look()
        keeping.cancel()
        await self._keeper.retire()  # the worker's loop was closed over its head: others may have its runs

    async def _look(self) -> None:
        given_up: RunId | None = None
        while not self._watch.loop.is_closed():
            await asyncio.sleep(REPORT_AFTER_S / 2)
            held_s = self._watch.held_s()
            if held_s > REPORT_AFTER_S:
                self._watch.report()
            if held_s > GIVE_UP_AFTER_S and given_up != self._watch.run_id:
                stuck = self._watch.run_id
                try:
                    await self._give_up(stuck)
                    given_up = stuck
                except WorldError as error:
                    logger.warning("the runs of a stuck worker could not be given up, trying again: %s", error)
