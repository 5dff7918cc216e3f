"""The random programs are rich: whatever can happen does happen in them."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import ClassVar

import pytest

from perdure.testing.conformance import VirtualClock, compare
from perdure.world import Append, Appended, Claim, Claimed, Operation, Outcome, Refusal, Refused, Started
from perdure.worlds.memory import MemoryWorld

pytestmark = pytest.mark.anyio


class Counting(MemoryWorld):
    seen: ClassVar[Counter[str]] = Counter()

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        try:
            outcomes = await super().commit(operations)
        except AssertionError:
            self.seen["failed"] += 1
            raise
        for operation, outcome in zip(operations, outcomes, strict=True):
            self._count(operation, outcome)
        return outcomes

    def _count(self, operation: Operation, outcome: Outcome) -> None:
        match outcome:
            case Refused():
                self.seen[f"{type(operation).__name__} {outcome.refusal.name}"] += 1
            case Started():
                self.seen[f"started created={outcome.created} owned={outcome.owned}"] += 1
            case Appended() if isinstance(operation, Append):
                self.seen["existing"] += bool(outcome.existing)
                for field in ("release", "hand_back", "seize", "probation", "children", "letters", "mail_taken"):
                    self.seen[field] += bool(getattr(operation, field))
                self.seen[f"status {operation.status}"] += 1
            case _:
                self.seen["sent"] += 1

    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed = await super().claim(claim)
        self.seen.update(f"claimed died={run.died} recoveries={min(run.recoveries, 2)}" for run in claimed)
        return claimed


async def test_programs_are_rich() -> None:
    for seed in range(40):
        clock = VirtualClock()
        await compare(Counting(clock=clock), MemoryWorld(clock=clock), clock, seed)
    expected = {f"Append {refusal.name}" for refusal in Refusal} | {"Send ENDED", "Send UNKNOWN", "sent", "failed"}
    expected |= {"release", "hand_back", "seize", "probation", "children", "letters", "mail_taken", "existing"}
    expected |= {f"status {name}" for name in (None, "pending", "running", "blocked", "completed", "failed")}
    expected |= {f"claimed died={died} recoveries={count}" for died in (True, False) for count in (1, 2)}
    expected |= {
        "started created=True owned=True",
        "started created=False owned=True",
        "claimed died=False recoveries=0",
    }
    assert {what for what in expected if not Counting.seen[what]} == set()
