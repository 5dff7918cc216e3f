"""What a run's log can say: one closed union of facts, and the event that carries each.

Every fact is frozen, and its fields are what docs/protocol.md documents under its `type`. User values inside are `Raw`:
the JSON that `perdure.codec` made, byte for byte, so that two of them can be compared without reading them.
"""

from typing import ClassVar, Union

from msgspec import Raw, Struct, field

from perdure.model.failure import Failure
from perdure.model.ids import MailId, RunId


class Fact(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The root of the facts. `type` is the event's type in the log."""

    type: ClassVar[str]


class RunCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`input` holds the arguments by name. `due_ms` is set where the start was delayed."""

    type: ClassVar[str] = "run_created"
    workflow: str
    input: Raw
    deployment: str = ""
    idempotency_key: str | None = None
    parent_id: RunId | None = None
    parent_key: str | None = None
    due_ms: int | None = None
    rerun_of: RunId | None = None


class RunStarted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Committed before the first activation; its `at` is `now()` of turn 0."""

    type: ClassVar[str] = "run_started"
    deployment: str = ""


class RunResumed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A new owner goes on: after a death (`recovered`), or with other code. Rides with the owner's first append."""

    type: ClassVar[str] = "run_resumed"
    deployment: str = ""
    recovered: bool = False


class RunCompleted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "run_completed"
    result: Raw


class RunFailed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "run_failed"
    error: Failure


class RunCancelled(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "run_cancelled"
    reason: str | None = None
    forced: bool = False


class RunBlocked(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Parked. `sentence` says why in full; the rest is set for a divergence: both sides, where, and whose code."""

    type: ClassVar[str] = "run_blocked"
    sentence: str
    recorded: str | None = None
    attempted: str | None = None
    turn: int | None = None
    line: str | None = None
    deployment: str = ""


class RunUnblocked(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An operator's `retry` of a blocked run: any worker may claim it again."""

    type: ClassVar[str] = "run_unblocked"


class RunRetried(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A failed run goes on in place: replay skips the delivery at `failure_seq`, so that its step is tried anew."""

    type: ClassVar[str] = "run_retried"
    failure_seq: int


class StepCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A body called a step; unless `at_most_once`, this is also the recorded start of attempt 1."""

    type: ClassVar[str] = "step_created"
    name: str
    input: Raw
    at_most_once: bool = False


class StepStarted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An attempt begins: from the second on; with `at_most_once` every one, committed before the step's body runs."""

    type: ClassVar[str] = "step_started"
    attempt: int


class StepRetrying(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An attempt failed and takes one retry of the budget; the next may begin at `retry_at_ms`."""

    type: ClassVar[str] = "step_retrying"
    attempt: int
    duration_ms: int = 0
    error: Failure
    retry_at_ms: int


class StepHeartbeat(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a running attempt last reported, so that the next attempt finds it even after a crash."""

    type: ClassVar[str] = "step_heartbeat"
    attempt: int
    progress: Raw


class StepCompleted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "step_completed"
    attempt: int
    duration_ms: int = 0
    result: Raw


class StepFailed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The last attempt failed for good: the workflow catches this error."""

    type: ClassVar[str] = "step_failed"
    attempt: int
    duration_ms: int = 0
    error: Failure


class WaitCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A sleep, or (`timeout`) a deadline around something else, which `wake_up` leaves alone."""

    type: ClassVar[str] = "wait_created"
    due_ms: int
    timeout: bool = False


class WaitCompleted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "wait_completed"
    due_ms: int
    woken: bool = False


class ChildCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A body started another run. `existing` is decided by the World: the run that already has the key."""

    type: ClassVar[str] = "child_created"
    run_id: RunId
    workflow: str
    input: Raw
    idempotency_key: str | None = None
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    due_ms: int | None = None
    existing: RunId | None = None


class ChildCompleted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "child_completed"
    run_id: RunId
    result: Raw


class ChildFailed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "child_failed"
    run_id: RunId
    error: Failure


class ChildCancelled(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    type: ClassVar[str] = "child_cancelled"
    run_id: RunId
    reason: str | None = None


class AttributesSet(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """None removes a key. Asked for by the body, or (`by_step`, then no request) set by the step under `key`."""

    type: ClassVar[str] = "attr_set"
    changes: dict[str, str | None]
    by_step: bool = False


class PatchMarked(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What `patched(name)` answered at its first call, for the rest of the run."""

    type: ClassVar[str] = "patch_marked"
    name: str
    answer: bool


class RequestsReleased(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Told to people, not replayed: nobody waits for these requests any more (a race's losers, a cancelled step)."""

    type: ClassVar[str] = "requests_released"
    keys: tuple[str, ...]


class CancelRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`force_at_ms`: when the grace ends and the run is cancelled without its body; None means never."""

    type: ClassVar[str] = "cancel_requested"
    reason: str | None = None
    force_at_ms: int | None = None


class WakeRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Somebody asked to end the pending sleeps; what it ended follows as `wait_completed`, marked woken."""

    type: ClassVar[str] = "wake_requested"


Request = StepCreated | WaitCreated | ChildCreated | AttributesSet
"""What a body asks for, keyed by its place in the task tree. (A patch mark is asked for too, but keyed by its name.)"""

Delivery = StepCompleted | StepFailed | WaitCompleted | ChildCompleted | ChildFailed | ChildCancelled | CancelRequested
"""What is handed to a body, and so begins a turn."""

End = RunCompleted | RunFailed | RunCancelled
"""How a try of a run ends."""

AnyFact = Union[  # noqa: UP007 - one union, drawn from the parts
    RunCreated, RunStarted, RunResumed, RunBlocked, RunUnblocked, RunRetried,
    StepStarted, StepRetrying, StepHeartbeat, PatchMarked, WakeRequested, RequestsReleased, Request, Delivery, End,
]  # fmt: skip

REQUESTS = (StepCreated, WaitCreated, ChildCreated, AttributesSet)
DELIVERIES = (
    StepCompleted, StepFailed, WaitCompleted, ChildCompleted, ChildFailed, ChildCancelled, CancelRequested,
)  # fmt: skip
ENDS = (RunCompleted, RunFailed, RunCancelled)

FACTS: dict[str, type[Fact]] = {
    fact.type: fact
    for fact in (
        RunCreated, RunStarted, RunResumed, RunBlocked, RunUnblocked, RunRetried,
        StepStarted, StepRetrying, StepHeartbeat, PatchMarked, WakeRequested, RequestsReleased, *REQUESTS, *DELIVERIES, *ENDS,
    )
}  # fmt: skip


class Event(Struct, frozen=True, gc=False, kw_only=True):
    """A fact in its place: `seq` from 1, `turn` from 0, `epoch` of the owner that wrote it, `at_ms` by the store."""

    seq: int
    turn: int
    epoch: int
    key: str
    at_ms: int
    fact: Fact
    mail_id: MailId | None = None
