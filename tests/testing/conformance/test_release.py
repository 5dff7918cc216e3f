"""Each rule of putting runs away, taken out, fails a check."""

import pytest
from msgspec.structs import replace

from perdure.testing.conformance.release import CHECKS
from perdure.world import Append, Claim, Claimed
from perdure.worlds.memory import MemoryWorld
from tests.testing.conformance.planted import Altered, Fault, caught, faults, forgets, idle

pytestmark = pytest.mark.anyio


class ReleasesWithMail(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, hand_back=append.release)


class NoneIsAtOnce(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, wake_at_ms=self._clock()) if append.wake_at_ms is None else append


class WakesEarly(Altered):
    def alter_append(self, append: Append) -> Append:
        return replace(append, wake_at_ms=append.wake_at_ms - 1) if append.wake_at_ms is not None else append


class ReleasesAnyway(Altered):
    """A wake-up time lets go of the run."""

    def alter_append(self, append: Append) -> Append:
        return replace(append, release=append.release or append.wake_at_ms is not None)


class MailWakesNobody(MemoryWorld):
    async def claim(self, claim: Claim) -> list[Claimed]:
        kept = dict(self._state.runs)
        for run_id, run in kept.items():
            self._state.runs[run_id] = replace(run, record=replace(run.record, mail=0))
        claimed = await super().claim(claim)
        return claimed


FAULTS: tuple[Fault, ...] = (
    ReleasesWithMail,
    NoneIsAtOnce,
    WakesEarly,
    ReleasesAnyway,
    MailWakesNobody,
    forgets(release=False),
    forgets(hand_back=False),
    forgets(wake_at_ms=None),
)


@faults(FAULTS)
async def test_a_fault_is_caught(fault: Fault) -> None:
    assert await caught(fault, CHECKS)


async def test_every_check_catches_a_fault() -> None:
    assert await idle(CHECKS, FAULTS) == []
