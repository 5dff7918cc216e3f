"""Each rule of what is kept, taken out, fails a check."""

from typing import Any

import pytest
from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.testing.conformance.retention import CHECKS
from perdure.worlds.memory import MemoryWorld
from perdure.worlds.memory.retention import MemoryRetention
from tests.testing.conformance.planted import Fault, caught, faults, idle

pytestmark = pytest.mark.anyio


def pruning(retention: type[MemoryRetention]) -> Fault:
    """A World that keeps runs so."""

    class Faulty(MemoryWorld):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.retention = retention(self._state, self._lock, self._clock)

    Faulty.__name__ = retention.__name__
    return Faulty


@pruning
class Never(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return 0


@pruning
class AlwaysNow(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await super().prune(0, limit)


@pruning
class ALittleLate(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await super().prune(ended_for_ms + 1, limit)


@pruning
class NoLimit(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await super().prune(ended_for_ms, 1000)


@pruning
class CountsOneMore(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await super().prune(ended_for_ms, limit) + 1


class Lending(MemoryRetention):
    """Shows the runs in another light while it prunes."""

    def shown(self, run_id: RunId) -> Any:
        return self._state.runs[run_id]

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        real = dict(self._state.runs)
        self._state.runs = {run_id: self.shown(run_id) for run_id in real}
        removed = await super().prune(ended_for_ms, limit)
        self._state.runs = {run_id: kept for run_id, kept in real.items() if run_id in self._state.runs}
        return removed


@pruning
class Everyone(Lending):
    """Also those that live."""

    def shown(self, run_id: RunId) -> Any:
        kept = self._state.runs[run_id]
        return replace(kept, record=replace(kept.record, ended_at_ms=kept.record.ended_at_ms or 0))


@pruning
class ByStart(Lending):
    def shown(self, run_id: RunId) -> Any:
        kept = self._state.runs[run_id]
        begun = kept.record.created_at_ms if kept.record.status in ENDED else None
        return replace(kept, record=replace(kept.record, ended_at_ms=begun))


@pruning
class Orphans(Lending):
    """Children go before their parents."""

    def shown(self, run_id: RunId) -> Any:
        kept = self._state.runs[run_id]
        return replace(kept, record=replace(kept.record, parent_id=None))


class Leaving(MemoryRetention):
    """Leaves a part of what goes."""

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        before = {name: dict(getattr(self._state, name)) for name in ("keys", "hooks", "tokens", "streams")}
        removed = await super().prune(ended_for_ms, limit)
        for name, left in before.items():
            if name in self.leaves:
                setattr(self._state, name, left)
        return removed

    leaves: tuple[str, ...] = ()


@pruning
class LeavesHooks(Leaving):
    leaves = ("hooks", "tokens")


@pruning
class LeavesStreams(Leaving):
    leaves = ("streams",)


@pruning
class ForgetsWhoHadATokenToo(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        before = dict(self._state.tokens)
        removed = await super().prune(ended_for_ms, limit)
        for token, places in before.items():
            if self._state.tokens.get(token, ()) != places:
                self._state.tokens.pop(token, None)
        return removed


@pruning
class AllStreams(MemoryRetention):
    async def prune(self, ended_for_ms: int, limit: int) -> int:
        removed = await super().prune(ended_for_ms, limit)
        if removed:
            self._state.streams.clear()
        return removed


@pruning
class TheLastToEndFirst(Lending):
    def shown(self, run_id: RunId) -> Any:
        kept = self._state.runs[run_id]
        end_ms = kept.record.ended_at_ms
        return replace(kept, record=replace(kept.record, ended_at_ms=None if end_ms is None else -end_ms))


FAULTS: tuple[Fault, ...] = (
    Never, AlwaysNow, ALittleLate, NoLimit, CountsOneMore, Everyone, ByStart, Orphans, LeavesHooks, LeavesStreams,
    ForgetsWhoHadATokenToo, AllStreams, TheLastToEndFirst,
)  # fmt: skip


@faults(FAULTS)
async def test_a_fault_is_found(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_can_fail() -> None:
    assert await idle(CHECKS, FAULTS) == []
