"""A lab's World: in memory, by the lab's clock. It remembers what was done to it, so that a copy of any moment can be had.

A process that dies is dead to it: see `kill_at`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple

from perdure.model.event import RunResumed
from perdure.model.ids import RunId, WorkerId
from perdure.testing.kit.clock import Clock
from perdure.world import (
    Append,
    Claim,
    Claimed,
    Lease,
    Operation,
    Outcome,
    Refusal,
    Refused,
    RunFilter,
    RunRecord,
    World,
)
from perdure.worlds.memory import MemoryWorld

URL = "lab://"
ALL = 1_000_000
Moment = Literal["before", "after"]


class Deed(NamedTuple):
    """A call that changed something: when, and how it is done again."""

    at_ms: int
    name: str
    args: tuple[Any, ...]

    @property
    def operations(self) -> tuple[Operation, ...]:
        return self.args[0] if self.name == "commit" else ()


class LabWorld(MemoryWorld):
    """`deeds`: all that was done to it. `killed`: the process whose death was appointed has died. `registered` is called when
    hooks have changed."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(URL, clock.now_ms)
        self.clock = clock
        self.deeds: list[Deed] = []
        self.killed = False
        self.registered: Callable[[], None] = _nobody
        self._appointed: tuple[RunId, Moment] | None = None
        self._untold: asyncio.Future[list[Outcome]] | None = None
        self._untold_count = 0

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        appointed = self._appointed
        if appointed is None or not any(_goes_on(appointed[0], operation) for operation in operations):
            return self._commit(operations)
        self._appointed = None
        if appointed[1] == "after":
            self._commit(operations)
        self.killed = True
        self._untold = asyncio.get_running_loop().create_future()  # nobody is there to be told
        self._untold_count = len(operations)
        return self._untold

    def _commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        self._note("commit", tuple(operations))
        outcomes = super().commit(operations)
        if any(isinstance(operation, Append) and operation.hooks for operation in operations):
            self.registered()
        return outcomes

    async def beat(self, lease: Lease) -> int:
        self._note("beat", lease)
        return await super().beat(lease)

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        self._note("retire", worker_id)
        await super().retire(worker_id, died=died)

    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed = await super().claim(claim)
        if claimed:
            self._note("claim", claim)
        return claimed

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        self._note("reclaim", worker_id, run_id, epoch)
        return await super().reclaim(worker_id, run_id, epoch)

    def _note(self, name: str, *args: Any) -> None:
        self.deeds.append(Deed(self.clock.now_ms(), name, args))

    # -- what a lab asks

    async def runs(self) -> tuple[RunRecord, ...]:
        return (await self.list_runs(RunFilter(limit=ALL))).runs

    async def wake_ms(self) -> int | None:
        """When the next run that nobody owns is due, later than now."""
        now_ms = self.now_ms()
        due = [run.wake_at_ms for run in await self.runs() if run.owner is None and run.wake_at_ms is not None]
        return min((at_ms for at_ms in due if at_ms > now_ms), default=None)

    # -- copies

    async def as_of(self, count: int) -> "LabWorld":
        """A World of its own, to which the first so many deeds have been done, and whose workers have taken leave since."""
        copy = LabWorld(Clock(self.deeds[0].at_ms if self.deeds else self.now_ms()))
        await self.repeat_on(copy, copy.clock, count)
        return copy

    async def repeat_on(self, copy: World, clock: Clock, count: int | None = None) -> None:
        """Do to another World, whose clock this is, what was done to this one, or the first so many of the deeds; then its
        workers take leave."""
        for deed in self.deeds[:count]:
            clock.move(deed.at_ms)
            if deed.name == "retire":
                await copy.retire(deed.args[0], died=False)
            else:
                await getattr(copy, deed.name)(*deed.args)
        for worker in await copy.workers():
            await copy.retire(worker.worker_id, died=False)

    def kill_at(self, run_id: RunId, moment: Moment) -> None:
        """Whoever appends to this run next, more than that it goes on, dies before or after that."""
        self._appointed = run_id, moment

    def bury(self) -> None:
        """The dead one's worker is gone: what of it still waits for an outcome gets one, which moves nothing."""
        untold, self._untold, self.killed = self._untold, None, False
        if untold is not None and not untold.done():
            untold.set_result([Refused(refusal=Refusal.UNKNOWN)] * self._untold_count)


def _nobody() -> None:
    """Nobody listens."""


def _goes_on(run_id: RunId, operation: Operation) -> bool:
    if not isinstance(operation, Append) or operation.run_id != run_id:
        return False
    return any(row.type != RunResumed.type for row in operation.rows)
