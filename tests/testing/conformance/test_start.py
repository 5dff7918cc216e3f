"""Each rule of starts, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.testing.conformance.start import CHECKS
from perdure.world import Outcome, Start, Started
from tests.testing.conformance.planted import Altered, Fault, caught, faults, idle, starts_without, told

pytestmark = pytest.mark.anyio


class BornUnderAnyLease(Altered):
    def alter_start(self, start: Start) -> Start:
        state = self._state
        state.is_live = lambda worker_id, now_ms: True
        return start


class BornUnderALapsedLease(Altered):
    """Off by one: at the very end of the lease."""

    def alter_start(self, start: Start) -> Start:
        state = self._state
        state.is_live = lambda worker_id, now_ms: (
            worker_id in state.workers and state.workers[worker_id].lease_until_ms >= now_ms
        )
        return start


class StartsOver(Altered):
    """A second start of an id makes the run anew."""

    def alter_start(self, start: Start) -> Start:
        self._state.runs.pop(start.run_id, None)
        return start


class KeysAreHints(Altered):
    def alter_start(self, start: Start) -> Start:
        self._state.keys.clear()
        return start


def always_owned(outcome: Outcome) -> Outcome:
    return replace(outcome, owned=True) if isinstance(outcome, Started) and not outcome.created else outcome


def always_created(outcome: Outcome) -> Outcome:
    return replace(outcome, created=True) if isinstance(outcome, Started) else outcome


def no_time(outcome: Outcome) -> Outcome:
    return replace(outcome, at_ms=0) if isinstance(outcome, Started) else outcome


FAULTS: tuple[Fault, ...] = (
    BornUnderAnyLease,
    BornUnderALapsedLease,
    StartsOver,
    KeysAreHints,
    starts_without(owner=None),
    starts_without(wake_at_ms=None),
    starts_without(parent_id=None),
    starts_without(root_id=None),
    starts_without(attributes={}),
    starts_without(deployment=""),
    starts_without(idempotency_key=None),
    starts_without(created=b""),
    starts_without(started=b""),
    told(always_owned),
    told(always_created),
    told(no_time),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
