"""What a run waits for, told by its events: open steps with their attempts, waits, children, a cancel's deadline.

Built from a log when a run is opened or looked at, and kept up to date with the same calls while it lives.
"""

from collections.abc import Iterable

from msgspec import Raw, Struct

from perdure.model.event import (
    CancelRequested,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    Fact,
    RequestsReleased,
    RunRetried,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepHeartbeat,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from perdure.model.failure import Failure
from perdure.model.ids import RunId


class OpenStep:
    """A step without an outcome. `attempts` counts recorded starts, `failures` those that took of the retry budget.

    `fresh`: this worker recorded attempt 1 with `step_created` and hasn't begun it. `interruptible`: the last recorded
    start has no recorded end.
    """

    __slots__ = (
        "at_most_once", "attempts", "failures", "first_at_ms", "fresh", "input", "interruptible", "key", "name",
        "error", "progress", "retry_at_ms",
    )  # fmt: skip

    def __init__(self, key: str, created: StepCreated, at_ms: int) -> None:
        self.key, self.name, self.input = key, created.name, created.input
        self.at_most_once = created.at_most_once
        self.attempts = 0 if created.at_most_once else 1
        self.interruptible = not created.at_most_once
        self.failures, self.retry_at_ms, self.first_at_ms = 0, 0, at_ms
        self.fresh = False
        self.progress: Raw | None = None
        self.error: Failure | None = None


class OpenWait(Struct, frozen=True):
    """A sleep, or (`timeout`) a deadline around something else."""

    due_ms: int
    timeout: bool
    since_ms: int


class OpenChild(Struct, frozen=True):
    """A child run that hasn't told its end."""

    run_id: RunId
    workflow: str
    since_ms: int


class Pending:
    """The open ends of one run."""

    __slots__ = ("cancel_reason", "cancelled", "children", "force_at_ms", "last_step", "steps", "waits")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.steps: dict[str, OpenStep] = {}
        self.waits: dict[str, OpenWait] = {}
        self.children: dict[str, OpenChild] = {}
        self.cancelled = False
        self.cancel_reason: str | None = None
        self.force_at_ms: int | None = None
        self.last_step: str | None = None
        log = list(events)
        skipped = {event.fact.failure_seq for event in log if isinstance(event.fact, RunRetried)}
        for event in log:
            if event.seq not in skipped:
                self.see(event.key, event.fact, event.at_ms)

    def see(self, key: str, fact: Fact, at_ms: int) -> None:
        """Take one event in."""
        match fact:
            case StepCreated():
                self.steps[key] = OpenStep(key, fact, at_ms)
                self.last_step = fact.name
            case StepCompleted() | StepFailed():
                self.steps.pop(key, None)
            case WaitCreated():
                self.waits[key] = OpenWait(fact.due_ms, fact.timeout, at_ms)
            case WaitCompleted():
                self.waits.pop(key, None)
            case ChildCreated():
                self.children[key] = OpenChild(fact.run_id, fact.workflow, at_ms)
            case ChildCompleted() | ChildFailed() | ChildCancelled():
                self.children.pop(key, None)
            case RequestsReleased(keys=keys):
                for released in keys:
                    self.forget(released)
            case CancelRequested():
                self._see_cancel(fact)
            case RunRetried():
                for step in self.steps.values():
                    step.failures, step.retry_at_ms, step.interruptible = 0, 0, False
            case _:
                self._see_attempt(key, fact)

    def forget(self, key: str) -> None:
        """Nobody waits for this step or wait any more."""
        self.steps.pop(key, None)
        self.waits.pop(key, None)

    def knows(self, key: str) -> bool:
        """Whether this step or wait is open."""
        return key in self.steps or key in self.waits

    def open_children(self) -> list[RunId]:
        """The children that haven't told their end."""
        return [child.run_id for child in self.children.values()]

    def next_ms(self) -> int | None:
        """When something is due at the earliest: a wait, a retry, the end of a cancel's grace. None: never by itself."""
        moments = [wait.due_ms for wait in self.waits.values()]
        moments += [step.retry_at_ms for step in self.steps.values()]
        if self.force_at_ms is not None:
            moments.append(self.force_at_ms)
        return min(moments, default=None)

    def _see_attempt(self, key: str, fact: Fact) -> None:
        step = self.steps.get(key)
        if step is None:
            return
        if isinstance(fact, StepStarted):
            step.attempts, step.interruptible = fact.attempt, True
            self.last_step = step.name
        elif isinstance(fact, StepRetrying):
            step.failures, step.interruptible = step.failures + 1, False
            step.attempts, step.retry_at_ms, step.error = fact.attempt, fact.retry_at_ms, fact.error
        elif isinstance(fact, StepHeartbeat):
            step.progress = fact.progress

    def _see_cancel(self, fact: CancelRequested) -> None:
        if not self.cancelled:
            self.cancelled, self.cancel_reason = True, fact.reason
        if fact.force_at_ms is not None:
            self.force_at_ms = min(self.force_at_ms or fact.force_at_ms, fact.force_at_ms)
