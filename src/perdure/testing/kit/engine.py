"""A lab's engine: the real one, with a lease that never lapses, the lab's timers, and no jitter."""

import asyncio
from collections.abc import Collection
from typing import Literal

from perdure.api.connect import keys, telemetry
from perdure.engine.engine import Engine
from perdure.engine.entropy import Entropy
from perdure.engine.lease import Leasing
from perdure.engine.registry import Registry
from perdure.engine.run import LiveRun
from perdure.model.event import Fact
from perdure.model.ids import RunId, WorkerId
from perdure.testing.kit.clock import LabTimers
from perdure.testing.kit.patience import Patience
from perdure.testing.kit.world import LabWorld
from perdure.world import Owned, RunRecord

LEASE_MS = 200 * 366 * 86_400_000
Unrest = Literal["", "steps", "perdure"]


def is_moving(run: LiveRun) -> bool:
    """Whether perdure has something to do for a run that a worker has in memory; its steps aside."""
    written = run.outbox.empty and run.stream.empty
    return run.body is None or not written or run.mailbox.busy or run.departure.releasing


class NoJitter(Entropy):
    """Ids as always; chance is in the middle: a back-off takes as long as its `Retry` says."""

    def chance(self) -> float:
        return 0.5


class LabEngine(Engine):
    """On the running loop. Whoever waits for the end of a run here is told when it doesn't come by itself."""

    def __init__(self, world: LabWorld, registry: Registry, patience: Patience, deployment: str) -> None:
        super().__init__(
            world,
            registry,
            entropy=NoJitter(),
            deployment=deployment,
            leasing=Leasing(LEASE_MS, own_thread=False),
            keys=keys(),
            telemetry=telemetry(),
        )
        self.lab_world = world
        self.loop = asyncio.get_running_loop()
        self.timers = LabTimers(world.clock, self.loop)
        self._patience = patience
        self._dead: list[WorkerId] = []

    async def end(self, run_id: RunId) -> Fact:
        ending = self.loop.create_task(super().end(run_id))
        try:
            return await self._patience.outlast(run_id, "the end", ending)
        finally:
            ending.cancel()

    def abandon(self) -> None:
        """Its worker dies."""
        worker, self.worker = self.worker, None
        if worker is not None:
            worker.abandon()
            self._dead.append(worker.worker_id)

    async def crash(self) -> None:
        """Its worker dies; another is at work, and has what the dead one had, when this returns."""
        self.abandon()
        while self._dead:
            await self.lab_world.retire(self._dead.pop(), died=True)
        worker = await self.work()
        await worker.sweeper.sweep()

    def look(self) -> None:
        """Time has passed: something may be claimable."""
        if self.worker is not None:
            self.worker.sweeper.hinted()

    async def unrest(self) -> Unrest:
        """What goes on here: nothing, steps alone, or something of perdure's own."""
        worker = self.worker
        if not await self.committer.drained(0):
            return "perdure"
        steps = False
        for run in [*worker.runs.values()] if worker is not None else []:
            if run.departure.gone:
                continue
            if is_moving(run):
                return "perdure"
            steps = steps or run.attempts.at_work
        return "steps" if steps else ""

    def cares_for(self, run: RunRecord, live: Collection[WorkerId]) -> bool:
        """Whether a run that could be claimed, or has mail, is still to be dealt with here. `live`: who has a lease."""
        worker = self.worker
        if worker is None or run.status not in ("pending", "running"):
            return False
        if run.owner is None or run.owner not in live:
            due = run.owner or run.mail or (run.wake_at_ms is not None and run.wake_at_ms <= self.world.now_ms())
            served = run.workflow in worker.service.workflows or run.workflow in worker.service.queued()
            return bool(due) and served and run.pin in ("", worker.deployment)
        if run.owner != worker.worker_id:
            return False
        known = Owned(run_id=run.run_id, epoch=run.epoch, mail=run.mail)
        return run.mail > 0 or run.run_id in worker.compare({run.run_id: known})
