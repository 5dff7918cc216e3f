"""Each rule of pins, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.testing.conformance.pin import BLUE, CHECKS
from perdure.world import Append, Claim, Claimed
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, starts_without

pytestmark = pytest.mark.anyio


class ClaimsWhatIsPinned(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        return await super().claim(replace(claim, deployment=BLUE))


class ClaimsOnlyWhatIsPinned(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        for run_id, kept in self._state.runs.items():
            if not kept.record.pin:
                self._state.runs[run_id] = replace(kept, record=replace(kept.record, pin="nobody"))
        return await super().claim(claim)


class ComparesWithoutCase(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        return await super().claim(replace(claim, deployment=claim.deployment.lower()))


class LooksAtAFewFirst(MemoryWorld):
    """A limit on what it looks at, not on what it takes."""

    async def claim(self, claim: Claim) -> list[Claimed]:
        everybodys = [kept for kept in self._state.runs.values() if kept.record.owner is None]
        hidden = {kept.record.run_id: kept for kept in everybodys[claim.limit :]}
        for run_id in hidden:
            del self._state.runs[run_id]
        claimed = await super().claim(claim)
        self._state.runs.update(hidden)
        return claimed


class DueForAll(MemoryWorld):
    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        return await super().next_due_ms(workflows, BLUE)


class DueForTheUnpinned(MemoryWorld):
    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        return await super().next_due_ms(workflows)


class MovesWithoutAFence(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.pin is not None and kept is not None:
            self._state.runs[append.run_id] = replace(kept, record=replace(kept.record, pin=append.pin))
        return append


class MovingUnblocks(Altered):
    def alter_append(self, append: Append) -> Append:
        return append if append.pin is None else replace(append, status="running")


class EveryAppendMoves(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, pin=append.pin or "")


class ChildrenShareThePin(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, children=tuple(replace(child, pin=BLUE) for child in append.children))


FAULTS: tuple[Fault, ...] = (
    ClaimsWhatIsPinned,
    ClaimsOnlyWhatIsPinned,
    ComparesWithoutCase,
    LooksAtAFewFirst,
    DueForAll,
    DueForTheUnpinned,
    MovesWithoutAFence,
    MovingUnblocks,
    EveryAppendMoves,
    ChildrenShareThePin,
    forgets(pin=None),
    starts_without(pin=""),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
