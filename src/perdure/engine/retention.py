"""Runs are removed so long after their end. One worker does it for all: the live one with the least id.

Which that is follows from the leases, so nothing is stored, and nobody has to be elected. Two that take themselves for it
at a handover remove different runs, or wait for each other.
"""

import asyncio
import logging
from collections.abc import Callable

from perdure.engine.listing import walk_runs
from perdure.errors import WorldError
from perdure.model.ids import WorkerId
from perdure.model.status import ENDED
from perdure.world.query import RunFilter
from perdure.world.world import World

logger = logging.getLogger("perdure")
EVERY_S = 60.0
BATCH = 100
"""Small: in SQLite nobody else writes while a batch goes."""


class Keeper:
    """Removes what ended longer ago than `kept_ms`, where its worker is the leader. `chance`: in [0, 1), for jitter."""

    def __init__(self, world: World, worker_id: WorkerId, kept_ms: int, chance: Callable[[], float]) -> None:
        self._world, self._worker_id, self._kept_ms, self._chance = world, worker_id, kept_ms, chance

    async def prune_for_ever(self) -> None:
        """About once a minute, until cancelled; a World that is away is tried again."""
        while True:
            await asyncio.sleep(EVERY_S * (0.5 + self._chance()))
            try:
                if await self.leads() and (removed := await prune(self._world, self._kept_ms)):
                    logger.info("%d runs that ended long ago were removed", removed)
            except WorldError as error:
                logger.warning("old runs could not be removed, the next minute will try again: %s", error)
            except Exception:
                logger.exception("perdure failed at removing old runs, the next minute will try again")

    async def leads(self) -> bool:
        """Whether no live worker has a lesser id. Raises: WorldError."""
        live = (worker.worker_id for worker in await self._world.workers() if worker.leased)
        return min(live, default=None) == self._worker_id


async def prune(world: World, ended_for_ms: int) -> int:
    """Remove all runs that ended so long ago, batch by batch; how many. Harmless to repeat. Raises: WorldError."""
    removed, loop = 0, asyncio.get_running_loop()
    while True:
        began = loop.time()
        batch = await world.retention.prune(ended_for_ms, BATCH)
        if not batch:
            return removed
        removed += batch
        await asyncio.sleep(loop.time() - began)  # at most half of the time: others want to write, too


async def prunable(world: World, ended_for_ms: int) -> int:
    """How many `prune` would remove now. Raises: WorldError."""
    before_ms = world.now_ms() - ended_for_ms
    parents = {
        run.run_id: run.parent_id
        async for run in walk_runs(world, RunFilter(status=tuple(ENDED)))
        if run.ended_at_ms is not None and run.ended_at_ms <= before_ms
    }
    others = {parent for parent in parents.values() if parent is not None and parent not in parents}
    kept = {parent for parent in others if await world.read_run(parent) is not None}
    removed, left = 0, {*parents}
    while free := {run_id for run_id in left if parents[run_id] not in left and parents[run_id] not in kept}:
        removed, left = removed + len(free), left - free
    return removed
