"""Which runs a worker owns: claims what is due, finds what it owns but doesn't hold, buries the dead.

Everything here is a sweep over columns, by the store's clock; hints only make the next sweep come sooner (O1, O3, O8).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from perdure.engine.process import is_gone
from perdure.engine.queue import Service
from perdure.errors import WorldError
from perdure.model.ids import RunId, WorkerId
from perdure.world.operation import Append
from perdure.world.ownership import Claim, Claimed, Owned
from perdure.world.world import World

logger = logging.getLogger("perdure")
SWEEP_S = 0.5
OWNED_EVERY_S = 3.0
NO_ROOM_S = 0.05
CLAIM_LIMIT = 100
GIVE_WAY_S = 0.75
GIVE_WAY_EVERY_S = 5.0
"""A worker that hands back what it can't open lets others sweep first, but not so often that its own runs wait for it."""


class Holder(Protocol):
    """The worker that holds runs."""

    worker_id: WorkerId
    world: World
    service: Service
    deployment: str

    def has_lease(self) -> bool:
        """Whether its lease is surely live; if not, it sees to that, and to what it has lost."""
        ...

    def room(self) -> int:
        """How many more runs it may take now."""
        ...

    def slots(self) -> int:
        """How many more queued steps it may take now."""
        ...

    async def adopt(self, claimed: Claimed) -> None:
        """Open a run that was just claimed."""
        ...

    def compare(self, owned: dict[RunId, Owned]) -> set[RunId]:
        """What it owns by the World: look at mail; returns the runs that it holds otherwise, or not at all."""
        ...

    def look(self, run_id: RunId) -> None:
        """There may be mail for this run."""
        ...

    def forget(self, run_id: RunId) -> None:
        """Drop this run from memory, if it is there."""
        ...


class Sweeper:
    """Claims for one worker, at least every half second."""

    def __init__(self, holder: Holder) -> None:
        self._holder = holder
        self._loop = asyncio.get_running_loop()
        self._wake = asyncio.Event()
        self._next_due_at: float | None = None
        self._look_at = self._loop.time() + OWNED_EVERY_S
        self._look_for_mail = False
        self._odd: set[RunId] = set()
        self._gave_way_at = -GIVE_WAY_EVERY_S
        self._lost: set[RunId] = set()
        self.paused = False

    def soon(self) -> None:
        """Something may be claimable: don't wait for the next sweep."""
        self._wake.set()

    def give_way(self) -> None:
        """Claim nothing for a moment: what is handed back now must not come back before others have seen it."""
        now = self._loop.time()
        if now >= self._gave_way_at + GIVE_WAY_EVERY_S:
            self._gave_way_at = now

    def lost(self, run_id: RunId) -> None:
        """This worker owns it and has just dropped it: claim it afresh, without waiting to see it twice."""
        self._lost.add(run_id)
        self._look_at = self._loop.time()
        self.soon()

    def hinted(self) -> None:
        """Somebody else may have written, mail for example: as `soon`, from any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hint)

    def _hint(self) -> None:
        self._look_for_mail = True
        self.soon()

    def due_at(self, due_ms: int) -> None:
        """A run will be due then: sweep at that moment, not up to half a second later."""
        if self._expect(due_ms):
            self._wake.set()

    def _expect(self, due_ms: int) -> bool:
        """Whether this is sooner than all that was expected."""
        at = self._loop.time() + max(0, due_ms - self._holder.world.now_ms()) / 1000
        if self._next_due_at is not None and at >= self._next_due_at:
            return False
        self._next_due_at = at
        return True

    async def sweep_for_ever(self) -> None:
        """Sweep until cancelled; a World that is away is tried again."""
        while True:
            try:
                await self.sweep()
            except WorldError as error:
                logger.warning("a sweep failed, the next will try again: %s", error)
            except Exception:
                logger.exception("perdure failed in a sweep, the next will try again")
            await self._pause()

    async def sweep(self) -> None:
        """Bury, claim, and now and then compare what is owned with what is held."""
        self._wake.clear()  # a hint that comes from now on asks for another sweep
        if self.paused or not self._holder.has_lease():
            return
        if self._look_for_mail:
            self._look_for_mail = False
            for run in await self._holder.world.owned(self._holder.worker_id, with_mail=True):
                self._holder.look(run.run_id)
        await self._bury()
        await self._claim()
        if self._loop.time() >= self._look_at:
            await self.find_owned()

    async def find_owned(self) -> None:
        """Claim afresh what this worker owns but doesn't hold, drop what it holds but doesn't own, look for mail (O3).

        What was started or claimed a moment ago may show on one side only: it counts when it is seen twice.
        """
        holder = self._holder
        owned = {run.run_id: run for run in await holder.world.owned(holder.worker_id)}
        now = self._loop.time()
        self._look_at = now + OWNED_EVERY_S
        seen_before, self._lost = self._odd | self._lost, set()
        odd = holder.compare(owned)
        for run_id in sorted(odd & seen_before):
            holder.forget(run_id)
            run = owned.get(run_id)
            claimed = run and await holder.world.reclaim(holder.worker_id, run_id, run.epoch)
            if claimed:
                await holder.adopt(claimed)
        self._odd = odd - seen_before
        if self._odd or self._lost:
            self._look_at = min(self._look_at, now + SWEEP_S)

    async def find_lost(self) -> None:
        """The lease lives again after a lapse: drop what others have claimed meanwhile, which raised its epoch. What is
        still owned with the same epoch was not touched, and can't be claimed from now on."""
        while True:
            try:
                owned = {run.run_id: run for run in await self._holder.world.owned(self._holder.worker_id)}
                break
            except WorldError as error:
                logger.warning("the runs could not be looked up, trying again: %s", error)
                await asyncio.sleep(SWEEP_S)
        for run_id in sorted(self._holder.compare(owned)):
            self._holder.forget(run_id)

    async def _claim(self) -> None:
        if self._loop.time() < self._gave_way_at + GIVE_WAY_S:
            return
        holder = self._holder
        workflows, queued = tuple(sorted(holder.service.workflows)), holder.service.queued()
        await self._claim_some(workflows, holder.room)
        await self._claim_some(queued, holder.slots)
        self._next_due_at = None
        expected = (*workflows, *queued) if holder.slots() > 0 else workflows
        due_ms = await holder.world.next_due_ms(expected, holder.deployment) if expected else None
        if due_ms is not None:
            self._expect(due_ms)

    async def _claim_some(self, workflows: tuple[str, ...], room: Callable[[], int]) -> None:
        holder = self._holder
        while workflows and (limit := min(CLAIM_LIMIT, room())) > 0:
            claimed = await holder.world.claim(
                Claim(worker_id=holder.worker_id, workflows=workflows, limit=limit, deployment=holder.deployment)
            )
            await asyncio.gather(*map(holder.adopt, claimed))  # each reads its log: not one round trip after another
            if len(claimed) < limit:
                break

    async def _bury(self) -> None:
        """End the leases of workers whose process on this host is gone: no wait for the lease."""
        for worker in await self._holder.world.workers():
            if worker.leased and is_gone(worker.process):
                level = logging.WARNING if worker.runs else logging.INFO
                logger.log(level, "worker %s is gone, what it owned (%d) is taken over", worker.worker_id, worker.runs)
                await self._holder.world.retire(worker.worker_id, died=True)

    async def _pause(self) -> None:
        pause_s = SWEEP_S
        if self._next_due_at is not None:
            left_s = self._next_due_at - self._loop.time()
            pause_s = min(pause_s, left_s if left_s > 0 else NO_ROOM_S)
        if (left_s := self._look_at - self._loop.time()) > 0:
            pause_s = min(pause_s, left_s)
        try:
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
        except TimeoutError:
            pass


async def give_up_all_but(world: World, worker_id: WorkerId, stuck: RunId | None) -> None:
    """A body has held the worker's thread for too long: let others have its other runs (epoch + 1)."""
    for owned in await world.owned(worker_id):
        record = await world.read_run(owned.run_id)
        if record is None or owned.run_id == stuck or record.owner != worker_id:
            continue
        seq = record.length + 1
        seize = Append(run_id=owned.run_id, owner=worker_id, epoch=record.epoch, seq=seq, rows=(), seize=True)
        await world.commit([seize])
