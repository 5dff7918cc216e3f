"""Each rule of appends, taken out, fails a check."""

from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace

from perdure.testing.conformance.append import CHECKS
from perdure.world import Append, Appended, Operation, Outcome, Refused
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle, told

pytestmark = pytest.mark.anyio


class AnyPlace(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None else replace(append, seq=kept.record.length + 1)


class AnyOwner(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        owner = kept and kept.record.owner
        return append if owner is None else replace(append, owner=owner)


class AnyEpoch(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None else replace(append, epoch=kept.record.epoch)


class LaterEpochs(Altered):
    """Refuses older epochs only."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return append if kept is None else replace(append, epoch=min(append.epoch, kept.record.epoch))


class LeaseFences(Altered):
    """An owner whose lease is over can't append, though nobody took the run."""

    def alter_append(self, append: Append) -> Append:
        return append if self._state.is_live(append.owner, self._clock()) else replace(append, epoch=-1)


class ClockGoesBack(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is not None:
            self._state.runs[append.run_id] = replace(kept, at_ms=0)
        return append


class OneClockForAll(Altered):
    """`at` is the latest of any run."""

    def alter_append(self, append: Append) -> Append:
        latest = max((kept.at_ms for kept in self._state.runs.values()), default=0)
        kept = self._state.runs.get(append.run_id)
        if kept is not None:
            self._state.runs[append.run_id] = replace(kept, at_ms=latest)
        return append


class AllOrNothing(MemoryWorld):
    """One refusal takes the whole commit with it."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._whole(operations)

    async def _whole(self, operations: Sequence[Operation]) -> list[Outcome]:
        runs, keys = dict(self._state.runs), dict(self._state.keys)
        outcomes = await super().commit(operations)
        if any(isinstance(outcome, Refused) for outcome in outcomes):
            self._state.runs, self._state.keys = runs, keys
        return outcomes


class OneByOne(MemoryWorld):
    """A failure leaves what came before it."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._singly(operations)

    async def _singly(self, operations: Sequence[Operation]) -> list[Outcome]:
        return [outcome for operation in operations for outcome in await super(OneByOne, self).commit([operation])]


class Backwards(MemoryWorld):
    """Operations are done in another order."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        inner = super().commit(list(reversed(operations)))

        async def turned() -> list[Outcome]:
            return list(reversed(await inner))

        return turned()


class RefusedWritesAttributes(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if kept is not None and append.attributes:
            changed = {key: value for key, value in append.attributes.items() if value is not None}
            self._state.runs[append.run_id] = replace(kept, record=replace(kept.record, attributes=changed))
        return append


class ChildrenWaitForAt(MemoryWorld):
    """A child wakes at its parent's `at`, which the clock may be behind."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        inner = super().commit(operations)
        for run_id, kept in self._state.runs.items():
            late = kept.record.wake_at_ms is not None and kept.at_ms > self._clock()
            if late:
                self._state.runs[run_id] = replace(kept, record=replace(kept.record, wake_at_ms=kept.at_ms))
        return inner


def no_births(outcome: Outcome) -> Outcome:
    return replace(outcome, born=()) if isinstance(outcome, Appended) else outcome


def no_existing(outcome: Outcome) -> Outcome:
    return replace(outcome, existing={}) if isinstance(outcome, Appended) else outcome


def no_reason(outcome: Outcome) -> Outcome:
    return replace(outcome, refusal=next(iter(type(outcome.refusal)))) if isinstance(outcome, Refused) else outcome


FAULTS: tuple[Fault, ...] = (
    AnyPlace,
    AnyOwner,
    AnyEpoch,
    LaterEpochs,
    LeaseFences,
    ClockGoesBack,
    OneClockForAll,
    AllOrNothing,
    OneByOne,
    Backwards,
    RefusedWritesAttributes,
    forgets(attributes={}),
    forgets(children=()),
    forgets(rows=()),
    ChildrenWaitForAt,
    told(no_births),
    told(no_existing),
    told(no_reason),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
