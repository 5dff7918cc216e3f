"""Each rule of leases, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.ids import WorkerId
from perdure.testing.conformance.lease import CHECKS
from perdure.world import Lease, Owned, WorkerRecord
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Fault, caught, faults, idle

pytestmark = pytest.mark.anyio


class NeverRenews(MemoryWorld):
    async def beat(self, lease: Lease) -> int:
        if lease.worker_id in self._state.workers:
            return self._state.workers[lease.worker_id].lease_until_ms
        return await super().beat(lease)


class KeepsTheFirstProcess(MemoryWorld):
    async def beat(self, lease: Lease) -> int:
        known = self._state.workers.get(lease.worker_id)
        return await super().beat(replace(lease, process=known.process) if known else lease)


class LeasesInSeconds(MemoryWorld):
    async def beat(self, lease: Lease) -> int:
        return await super().beat(replace(lease, lease_ms=lease.lease_ms // 1000))


class NeverRetires(MemoryWorld):
    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        pass


class AlwaysDies(MemoryWorld):
    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await super().retire(worker_id, died=True)


class NeverDies(MemoryWorld):
    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await super().retire(worker_id, died=False)


class LastWordCounts(MemoryWorld):
    """Dies after it took leave."""

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await super().retire(worker_id, died=died)
        worker = self._state.workers.get(worker_id)
        if worker is not None:
            self._state.workers[worker_id] = replace(worker, graceful=not died)


class RetiresUntilTheClockGoesBack(MemoryWorld):
    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await super().retire(worker_id, died=died)
        worker = self._state.workers.get(worker_id)
        if worker is not None:
            self._state.workers[worker_id] = replace(worker, lease_until_ms=self._clock())


class KnowsEveryone(MemoryWorld):
    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        if worker_id not in self._state.workers:
            await self.beat(Lease(worker_id=worker_id, lease_ms=1, process="", workflows=()))
        else:
            await super().retire(worker_id, died=died)


class GracefulForEver(MemoryWorld):
    async def beat(self, lease: Lease) -> int:
        known = self._state.workers.get(lease.worker_id)
        until_ms = await super().beat(lease)
        worker = self._state.workers[lease.worker_id]
        self._state.workers[lease.worker_id] = replace(worker, graceful=bool(known and known.graceful))
        return until_ms


class OnlyTheLiving(MemoryWorld):
    async def workers(self) -> tuple[WorkerRecord, ...]:
        return tuple(worker for worker in await super().workers() if worker.lease_until_ms > worker.now_ms)


class OnlyTheBusy(MemoryWorld):
    async def workers(self) -> tuple[WorkerRecord, ...]:
        return tuple(worker for worker in await super().workers() if worker.runs)


class EverybodysRuns(MemoryWorld):
    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        workers = list(self._state.workers)
        return [each for worker in workers for each in await super(EverybodysRuns, self).owned(worker)]


class AllRunsHaveMail(MemoryWorld):
    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        return await super().owned(worker_id)


class AnybodysMail(MemoryWorld):
    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        workers = list(self._state.workers) if with_mail else [worker_id]
        return [
            each for worker in workers for each in await super(AnybodysMail, self).owned(worker, with_mail=with_mail)
        ]


class OnlyTheBusyOnes(MemoryWorld):
    """Runs without mail are of no interest, whatever is asked."""

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        return await super().owned(worker_id, with_mail=True)


class NeverForgetsMail(MemoryWorld):
    """Runs that once had mail are told of, though it has been taken."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self._had: set[str] = set()

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        found = await super().owned(worker_id)
        self._had |= {each.run_id for each in found if each.mail}
        return [each for each in found if not with_mail or each.run_id in self._had]


FAULTS: tuple[Fault, ...] = (
    NeverRenews,
    KeepsTheFirstProcess,
    LeasesInSeconds,
    NeverRetires,
    AlwaysDies,
    NeverDies,
    LastWordCounts,
    RetiresUntilTheClockGoesBack,
    KnowsEveryone,
    GracefulForEver,
    OnlyTheLiving,
    OnlyTheBusy,
    EverybodysRuns,
    AllRunsHaveMail,
    AnybodysMail,
    OnlyTheBusyOnes,
    NeverForgetsMail,
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
