"""Each rule of claims, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId, WorkerId
from perdure.testing.conformance.claim import CHECKS
from perdure.world import Append, Claim, Claimed
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle

pytestmark = pytest.mark.anyio


class Tampering(MemoryWorld):
    """Changes what a claim leaves behind."""

    def tamper(self, claimed: Claimed) -> Claimed:
        raise NotImplementedError

    async def claim(self, claim: Claim) -> list[Claimed]:
        return [self.tamper(claimed) for claimed in await super().claim(claim)]

    def change(self, run_id: RunId, **changes: object) -> None:
        kept = self._state.runs[run_id]
        self._state.runs[run_id] = replace(kept, record=replace(kept.record, **changes))


class SameEpoch(Tampering):
    def tamper(self, claimed: Claimed) -> Claimed:
        self.change(claimed.run_id, epoch=claimed.epoch - 1)
        return replace(claimed, epoch=claimed.epoch - 1)


class KeepsTheWakeUp(Tampering):
    def tamper(self, claimed: Claimed) -> Claimed:
        self.change(claimed.run_id, wake_at_ms=self._clock())
        return claimed


class ReadsAnOldSnapshot(Tampering):
    def tamper(self, claimed: Claimed) -> Claimed:
        return replace(claimed, length=claimed.length - 1)


class EveryClaimIsADeath(Tampering):
    def tamper(self, claimed: Claimed) -> Claimed:
        return replace(claimed, died=True)


class CountsNoDeaths(Tampering):
    def tamper(self, claimed: Claimed) -> Claimed:
        self.change(claimed.run_id, recoveries=0)
        return replace(claimed, recoveries=0)


class ClaimsItsOwn(MemoryWorld):
    """A lapsed worker takes its own runs as those of a dead one."""

    async def claim(self, claim: Claim) -> list[Claimed]:
        alias = WorkerId("wrkr_alias")
        taken = await super().claim(replace(claim, worker_id=alias))
        for claimed in taken:
            kept = self._state.runs[claimed.run_id]
            self._state.runs[claimed.run_id] = replace(kept, record=replace(kept.record, owner=claim.worker_id))
        return taken


class CountsAllDeaths(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        for run_id, kept in self._state.runs.items():
            self._state.runs[run_id] = replace(kept, probation=True)
        return await super().claim(claim)


class ProbationStays(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        before = {run_id: kept.probation for run_id, kept in self._state.runs.items()}
        claimed = await super().claim(claim)
        for run_id, probation in before.items():
            self._state.runs[run_id] = replace(self._state.runs[run_id], probation=probation)
        return claimed


class ProbationEndsWithAnyAppend(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is not None:
            self._state.runs[append.run_id] = replace(kept, probation=False)
        return append


class ClaimsTheLiving(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        for worker_id, worker in self._state.workers.items():
            self._state.workers[worker_id] = replace(worker, lease_until_ms=worker.lease_until_ms - 1)
        return await super().claim(claim)


class ClaimsAnything(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        known = tuple({kept.record.workflow for kept in self._state.runs.values()})
        return await super().claim(replace(claim, workflows=known))


class OneTooMany(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        return await super().claim(replace(claim, limit=claim.limit + 1))


class OldestIdFirst(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        for run_id, kept in self._state.runs.items():
            due = kept.record.wake_at_ms
            if due is not None and due <= self._clock():
                self._state.runs[run_id] = replace(kept, record=replace(kept.record, wake_at_ms=0))
        return await super().claim(claim)


class ClaimersAreForgotten(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed = await super().claim(claim)
        if claim.worker_id in self._state.workers and not self._state.workers[claim.worker_id].lease_until_ms:
            del self._state.workers[claim.worker_id]
        return claimed


class ReclaimsInAnyEpoch(MemoryWorld):
    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        kept = self._state.runs.get(run_id)
        return await super().reclaim(worker_id, run_id, kept.record.epoch if kept else epoch)


class ReclaimsAnybodys(MemoryWorld):
    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        kept = self._state.runs.get(run_id)
        return await super().reclaim((kept and kept.record.owner) or worker_id, run_id, epoch)


class ReclaimingIsADeath(MemoryWorld):
    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        claimed = await super().reclaim(worker_id, run_id, epoch)
        return claimed and replace(claimed, died=True, recoveries=claimed.recoveries + 1)


class ReclaimingKeepsProbation(MemoryWorld):
    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        kept = self._state.runs.get(run_id)
        claimed = await super().reclaim(worker_id, run_id, epoch)
        if kept is not None:
            self._state.runs[run_id] = replace(self._state.runs[run_id], probation=kept.probation)
        return claimed


class DueForAll(MemoryWorld):
    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        known = tuple({kept.record.workflow for kept in self._state.runs.values()})
        return await super().next_due_ms(known, deployment)


class DueInTheFutureOnly(MemoryWorld):
    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        due_ms = await super().next_due_ms(workflows, deployment)
        return due_ms if due_ms is None or due_ms > self._clock() else None


FAULTS: tuple[Fault, ...] = (
    SameEpoch,
    KeepsTheWakeUp,
    ReadsAnOldSnapshot,
    EveryClaimIsADeath,
    CountsNoDeaths,
    CountsAllDeaths,
    ClaimsItsOwn,
    ProbationStays,
    ProbationEndsWithAnyAppend,
    ClaimsTheLiving,
    ClaimsAnything,
    OneTooMany,
    OldestIdFirst,
    ClaimersAreForgotten,
    ReclaimsInAnyEpoch,
    ReclaimsAnybodys,
    ReclaimingIsADeath,
    ReclaimingKeepsProbation,
    DueForAll,
    DueInTheFutureOnly,
    forgets(turn_completed=False),
    forgets(probation=False),
    forgets(turn_completed=True),
    forgets(release=False),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
