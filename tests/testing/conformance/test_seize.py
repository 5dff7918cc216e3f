"""Each rule of take-overs, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.model.status import ENDED
from perdure.testing.conformance.seize import CHECKS
from perdure.world import Append
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle

pytestmark = pytest.mark.anyio


class SeizesInAnyEpoch(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return replace(append, epoch=kept.record.epoch) if append.seize and kept is not None else append


class SeizesAnywhere(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        return replace(append, seq=kept.record.length + 1) if append.seize and kept is not None else append


class SeizesTheEnded(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and kept.record.status in ENDED:
            return replace(append, status="running")
        return append


class NeverTheEnded(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and kept.record.status in ENDED:
            return replace(append, status=None)
        return append


class ReleasesInstead(Altered):
    """Takes over without a new epoch."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and kept.record.owner is not None:
            return replace(append, seize=False, release=True, owner=kept.record.owner)
        return append


class UnblocksAnyway(Altered):
    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and kept.record.status == "blocked" and append.status is None:
            return replace(append, status="running")
        return append


class WakesByAt(Altered):
    """At once by the run's last `at`, which may be ahead of the clock."""

    def alter_append(self, append: Append) -> Append:
        kept = self._state.runs.get(append.run_id)
        if append.seize and kept is not None and append.wake_at_ms is None:
            return replace(append, wake_at_ms=max(kept.at_ms, self._clock()))
        return append


FAULTS: tuple[Fault, ...] = (
    SeizesInAnyEpoch,
    SeizesAnywhere,
    SeizesTheEnded,
    NeverTheEnded,
    ReleasesInstead,
    UnblocksAnyway,
    WakesByAt,
    forgets(seize=False),
    forgets(wake_at_ms=None),
    forgets(status=None),
    forgets(due_ms=0),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
