"""The random programs are rich: whatever can happen does happen in them."""

from collections import Counter
from collections.abc import Awaitable, Sequence
from typing import ClassVar

import pytest

from perdure.testing.conformance import VirtualClock, compare
from perdure.world import (
    Append,
    Appended,
    Claim,
    Claimed,
    HookClosing,
    HookReopening,
    NewHook,
    Operation,
    Outcome,
    Refusal,
    Refused,
    Send,
    Started,
)
from perdure.worlds.memory import MemoryWorld

pytestmark = pytest.mark.anyio

FIELDS = (
    "release",
    "hand_back",
    "seize",
    "probation",
    "children",
    "letters",
    "mail_taken",
    "hooks",
    "all_mail",
    "chunks",
)


class Counting(MemoryWorld):
    seen: ClassVar[Counter[str]] = Counter()

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(operations)

    async def _commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        open_before = self._open_hooks()
        try:
            outcomes = await super().commit(operations)
        except AssertionError as error:
            self.seen[f"failed {str(error)[:2]}"] += 1
            raise
        for operation, outcome in zip(operations, outcomes, strict=True):
            self._count(operation, outcome)
        if len(operations) == 1:
            self._count_hooks(operations[0], open_before)
        return outcomes

    def _open_hooks(self) -> set[tuple[str, str]]:
        known = [hook for hooks in self._state.hooks.values() for hook in hooks.values()]
        return {(hook.run_id, hook.key) for hook in known if not hook.closed}

    def _count_hooks(self, operation: Operation, before: set[tuple[str, str]]) -> None:
        """What became of hooks that were there."""
        if isinstance(operation, Append):
            after = self._open_hooks()
            closed = {run_id for run_id, _ in before - after}
            self.seen["expired gave way"] += bool(closed - {operation.run_id})
            self.seen["closed by end"] += bool(closed) and operation.status == "completed"
            reopened = {key for _, key in after - before} & {change.key for change in operation.hooks}
            self.seen["reopened"] += any(HookReopening(key=key) in operation.hooks for key in reopened)

    def _count(self, operation: Operation, outcome: Outcome) -> None:
        match outcome:
            case Refused():
                self.seen[f"{type(operation).__name__} {outcome.refusal.name}"] += 1
            case Started():
                self.seen[f"started created={outcome.created} owned={outcome.owned}"] += 1
            case Appended() if isinstance(operation, Append):
                for what in ("existing", "conflicts", "refused"):
                    self.seen[what] += bool(getattr(outcome, what))
                self.seen["own conflict"] += operation.run_id in outcome.conflicts.values()
                self.seen["some refused"] += 0 < len(outcome.refused) < len(operation.chunks)
                for field in FIELDS:
                    self.seen[field] += bool(getattr(operation, field))
                self.seen.update(type(change).__name__ for change in operation.hooks)
                self.seen["closing"] += any(new.close for new in operation.chunks)
                self.seen["to others"] += any(new.run_id != operation.run_id for new in operation.chunks)
                self.seen[f"status {operation.status}"] += 1
            case _:
                assert isinstance(operation, Send)
                self.seen["sent to a hook" if operation.hook else "sent"] += 1

    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed = await super().claim(claim)
        self.seen.update(f"claimed died={run.died} recoveries={min(run.recoveries, 2)}" for run in claimed)
        return claimed


async def test_programs_are_rich() -> None:
    for seed in range(40):
        clock = VirtualClock()
        await compare(Counting(clock=clock), MemoryWorld(clock=clock), clock, seed)
    expected = {f"Append {refusal.name}" for refusal in Refusal}
    expected |= {"Send ENDED", "Send UNKNOWN", "Send HOOK", "sent", "sent to a hook", "failed M3", "failed L5"}
    expected |= {*FIELDS, "existing", "conflicts", "own conflict", "refused", "some refused", "closing", "to others"}
    expected |= {hook.__name__ for hook in (NewHook, HookClosing, HookReopening)}
    expected |= {"expired gave way", "closed by end", "reopened"}
    expected |= {f"status {name}" for name in (None, "pending", "running", "blocked", "completed", "failed")}
    expected |= {f"claimed died={died} recoveries={count}" for died in (True, False) for count in (1, 2)}
    expected |= {
        "started created=True owned=True",
        "started created=False owned=True",
        "claimed died=False recoveries=0",
    }
    assert {what for what in expected if not Counting.seen[what]} == set()
