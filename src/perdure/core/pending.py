"""What a run waits for, told by its events: open steps with their attempts, waits, hooks, children, a cancel's deadline.

Built from a log when a run is opened or looked at, and kept up to date with the same calls while it lives.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Raw, Struct

from perdure.core.retried import taken_back
from perdure.model.event import (
    FACTS,
    CancelRequested,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    Fact,
    HookCreated,
    HookDisposed,
    HookExpired,
    HookReceived,
    QueuedStep,
    RequestsReleased,
    RunCreated,
    RunRetried,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepHeartbeat,
    StepQueued,
    StepRetrying,
    StepStarted,
    StepStopped,
    StreamEpilogue,
    WaitCompleted,
    WaitCreated,
)
from perdure.model.failure import Failure
from perdure.model.ids import RunId

_NO_EPILOGUES: dict[str, StreamEpilogue] = {}
"""One for all: most runs have none."""


class OpenStep(Struct, eq=False):
    """A step without an outcome. `attempts` counts recorded starts, `failures` those that took of the retry budget.

    `fresh`: this worker recorded the first attempt with `step_created` and hasn't begun it. `interruptible`: the last
    recorded start has no recorded end. `queued`: where it has gone, until the last word comes from there; `cut_off`: the
    run ended meanwhile, and was retried, so that it will go there again unless that word is an outcome.
    """

    key: str
    name: str
    input: Raw
    first_at_ms: int
    at_most_once: bool = False
    attempts: int = 1
    interruptible: bool = True
    failures: int = 0
    retry_at_ms: int = 0
    fresh: bool = False
    cut_off: bool = False
    progress: Raw | None = None
    error: Failure | None = None
    queued: StepQueued | None = None

    def goes_on(self, step: QueuedStep) -> None:
        """It began elsewhere, as the run that it is the whole of was told."""
        self.attempts, self.failures = self.attempts + step.attempt - 1, step.failures
        self.first_at_ms, self.progress = step.first_at_ms, step.progress or None

    @property
    def next_attempt(self) -> int:
        """The number of the attempt that begins next."""
        return self.attempts if self.fresh and not self.at_most_once else self.attempts + 1


class OpenWait(Struct, frozen=True):
    """A sleep, or (`timeout`) a deadline around something else."""

    due_ms: int
    timeout: bool
    since_ms: int


class OpenHook(Struct, frozen=True):
    """A hook that takes payloads. `received` counts those that it has had."""

    hook: HookCreated
    since_ms: int
    received: int = 0


class OpenChild(Struct, frozen=True):
    """A child run that hasn't told its end."""

    run_id: RunId
    workflow: str
    since_ms: int


class Pending:
    """The open ends of one run. `epilogues`: what its end writes to its streams, by their names."""

    __slots__ = (
        "cancel_reason",
        "cancelled",
        "children",
        "epilogues",
        "force_at_ms",
        "hooks",
        "last_step",
        "origin",
        "steps",
        "waits",
    )

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.steps: dict[str, OpenStep] = {}
        self.waits: dict[str, OpenWait] = {}
        self.hooks: dict[str, OpenHook] = {}
        self.children: dict[str, OpenChild] = {}
        self.epilogues: dict[str, StreamEpilogue] = _NO_EPILOGUES
        self.cancelled = False
        self.cancel_reason: str | None = None
        self.force_at_ms: int | None = None
        self.last_step: OpenStep | None = None
        self.origin: QueuedStep | None = None
        log = list(events)
        skipped = taken_back(log)
        for event in log:
            if event.seq not in skipped:
                self.see(event.key, event.fact, event.at_ms)
            elif isinstance(event.fact, StepFailed) and event.key in self.steps:
                step = self.steps[event.key]  # its failure was told: it may be tried again
                step.attempts, step.interruptible, step.queued = event.fact.attempt, False, None

    def see(self, key: str, fact: Fact, at_ms: int) -> None:
        """Take one event in."""
        _SEERS[type(fact)](self, key, fact, at_ms)

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

    def queued_runs(self, keys: Iterable[str] | None = None) -> list[RunId]:
        """Those that open steps were sent to a queue as: these steps, or (None) all."""
        steps = self.steps.values() if keys is None else [self.steps[key] for key in keys if key in self.steps]
        return [step.queued.run_id for step in steps if step.queued is not None]

    def next_ms(self) -> int | None:
        """When something is due at the earliest: a wait, a retry, the end of a hook or of a cancel's grace. None: never."""
        moments = [wait.due_ms for wait in self.waits.values()]
        moments += [step.retry_at_ms for step in self.steps.values() if step.queued is None]
        moments += [open.hook.expires_ms for open in self.hooks.values() if open.hook.expires_ms is not None]
        if self.force_at_ms is not None:
            moments.append(self.force_at_ms)
        return min(moments, default=None)


def _not_seen(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    """Nothing: it opens nothing, and ends nothing."""


def _run_created(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.origin = fact.step
    for epilogue in fact.epilogues:
        _epilogue(pending, key, epilogue, at_ms)


def _epilogue(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.epilogues = {**pending.epilogues, fact.stream: fact}


def _step_created(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps[key] = pending.last_step = OpenStep(key, fact.name, fact.input, at_ms)
    if fact.at_most_once:
        step.at_most_once, step.attempts, step.interruptible = True, 0, False
    if pending.origin is not None:
        step.goes_on(pending.origin)


def _step_queued(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps.get(key)
    if step is not None:
        step.queued, step.attempts, step.cut_off = fact, fact.attempt, False


def _step_stopped(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps.get(key)
    if step is not None:
        step.queued, step.attempts = None, max(step.attempts, fact.attempt)
        step.interruptible = fact.interrupted


def _step_started(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps.get(key)
    if step is not None:
        step.attempts, step.interruptible = fact.attempt, True
        pending.last_step = step


def _step_retrying(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps.get(key)
    if step is not None:
        step.failures, step.interruptible = step.failures + 1, False
        step.attempts, step.retry_at_ms, step.error = fact.attempt, fact.retry_at_ms, fact.error


def _step_heartbeat(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    step = pending.steps.get(key)
    if step is not None:
        step.progress = fact.progress


def _step_over(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.steps.pop(key, None)


def _wait_created(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.waits[key] = OpenWait(fact.due_ms, fact.timeout, at_ms)


def _wait_completed(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.waits.pop(key, None)


def _hook_created(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.hooks[key] = OpenHook(fact, at_ms)


def _hook_received(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    known = pending.hooks.get(key)
    if known is not None and fact.rejected is None:
        pending.hooks[key] = OpenHook(known.hook, known.since_ms, known.received + 1)


def _hook_over(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.hooks.pop(key, None)


def _child_created(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.children[key] = OpenChild(fact.run_id, fact.workflow, at_ms)


def _child_over(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    pending.children.pop(key, None)


def _released(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    for released in fact.keys:
        pending.forget(released)


def _cancel_requested(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    if not pending.cancelled:
        pending.cancelled, pending.cancel_reason = True, fact.reason
    if fact.force_at_ms is not None:
        pending.force_at_ms = min(pending.force_at_ms or fact.force_at_ms, fact.force_at_ms)


def _run_retried(pending: Pending, key: str, fact: Any, at_ms: int) -> None:
    """A fresh budget for all; but what was cut off stays so: an at-most-once step isn't repeated for its neighbour."""
    for step in pending.steps.values():
        step.failures, step.retry_at_ms, step.cut_off = 0, 0, step.queued is not None


_SEERS: dict[type[Fact], Callable[[Pending, str, Any, int], None]] = {
    **dict.fromkeys(FACTS.values(), _not_seen),
    RunCreated: _run_created,
    StepCreated: _step_created,
    StepQueued: _step_queued,
    StepStopped: _step_stopped,
    StepStarted: _step_started,
    StepRetrying: _step_retrying,
    StepHeartbeat: _step_heartbeat,
    StepCompleted: _step_over,
    StepFailed: _step_over,
    WaitCreated: _wait_created,
    WaitCompleted: _wait_completed,
    HookCreated: _hook_created,
    HookReceived: _hook_received,
    HookDisposed: _hook_over,
    HookExpired: _hook_over,
    ChildCreated: _child_created,
    ChildCompleted: _child_over,
    ChildFailed: _child_over,
    ChildCancelled: _child_over,
    RequestsReleased: _released,
    StreamEpilogue: _epilogue,
    CancelRequested: _cancel_requested,
    RunRetried: _run_retried,
}
"""By type, not by `match`: every event of a live run passes here, and fifteen isinstance checks are felt."""
