"""Each rule of questions, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.testing.conformance.query import CHECKS
from perdure.testing.conformance.sample import start_of
from perdure.world import Log, RunFilter, RunPage, RunRecord
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Fault, caught, faults, idle

pytestmark = pytest.mark.anyio


def ignores(**changes: object) -> Fault:
    """Lists runs as if the filter didn't say so."""

    class Ignorant(MemoryWorld):
        async def list_runs(self, filter: RunFilter) -> RunPage:
            return await super().list_runs(replace(filter, **changes))

    Ignorant.__name__ = "ignores_" + "_".join(changes)
    return Ignorant


class OldestFirst(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        page = await super().list_runs(filter)
        return replace(page, runs=tuple(reversed(page.runs)))


class NeverMore(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        return replace(await super().list_runs(filter), more=False)


class MoreIfFull(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        page = await super().list_runs(filter)
        return replace(page, more=len(page.runs) == filter.limit)


class LimitsBeforeItFilters(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        page = await super().list_runs(replace(filter, attributes={}))
        wanted = filter.attributes.items()
        return replace(page, runs=tuple(run for run in page.runs if wanted <= run.attributes.items()))


class UntilInclusive(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        until_ms = filter.until_ms
        return await super().list_runs(replace(filter, until_ms=until_ms and until_ms + 1))


class SinceExclusive(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        since_ms = filter.since_ms
        return await super().list_runs(replace(filter, since_ms=since_ms and since_ms + 1))


class CursorInclusive(MemoryWorld):
    async def list_runs(self, filter: RunFilter) -> RunPage:
        before = filter.before
        return await super().list_runs(replace(filter, before=before and RunId(before + "!")))


class WholeLogs(MemoryWorld):
    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await super().read_log(run_id, 1, limit)


class AfterTheSeq(MemoryWorld):
    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await super().read_log(run_id, from_seq + 1, limit)


class ReadsToTheEnd(MemoryWorld):
    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await super().read_log(run_id, from_seq)


class NoneIsAll(MemoryWorld):
    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await super().read_log(run_id, from_seq, limit or None)


class CountsThePart(MemoryWorld):
    """The run looks as short as what was read of it."""

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        log = await super().read_log(run_id, from_seq, limit)
        return log and replace(log, run=replace(log.run, length=log.rows[-1].seq if log.rows else 0))


class AnyLogForStrangers(MemoryWorld):
    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        log = await super().read_log(run_id, from_seq, limit)
        if log is None:
            await self.commit([start_of(1), start_of(2)])
            log = await super().read_log(start_of(2).run_id, from_seq, limit)
        return log


class FindsNothing(MemoryWorld):
    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return None


class FindsInAnyCase(MemoryWorld):
    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return await super().find_run(idempotency_key.lower())


FAULTS: tuple[Fault, ...] = (
    ignores(run_ids=()),
    OldestFirst,
    NeverMore,
    MoreIfFull,
    LimitsBeforeItFilters,
    UntilInclusive,
    SinceExclusive,
    CursorInclusive,
    WholeLogs,
    AfterTheSeq,
    ReadsToTheEnd,
    NoneIsAll,
    CountsThePart,
    AnyLogForStrangers,
    FindsNothing,
    FindsInAnyCase,
    ignores(status=()),
    ignores(workflow=None),
    ignores(since_ms=None),
    ignores(until_ms=None),
    ignores(attributes={}),
    ignores(parent_id=None),
    ignores(prefix=None),
    ignores(before=None),
    ignores(limit=20),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
