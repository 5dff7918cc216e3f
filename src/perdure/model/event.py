"""What a run's log can say: one closed union of facts, and the event that carries each.

Every fact is frozen, and its fields are what docs/protocol.md documents under its `type`. User values inside are `Raw`:
the JSON that `perdure.codec` made, byte for byte, so that two of them can be compared without reading them.
"""

from typing import ClassVar, Union, get_args

from msgspec import Raw, Struct, field

from perdure.model.failure import Failure
from perdure.model.ids import MailId, RunId
from perdure.model.webhook import WebhookTerms

NOTHING = Raw()
"""No value. This very object is left out of the JSON, another empty one would break it."""


class Fact(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The root of the facts. `type` is the event's type in the log."""

    type: ClassVar[str]


class QueuedStep(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The step that a run is the whole of: asked for by its parent, under its `parent_key`, and sent to a queue.

    `attempt`: the number of the first attempt here. What came before it, elsewhere: `failures` took that many retries of
    the budget, the first attempt began at `first_at_ms`, the last reported `progress`. `max_recoveries`: its workflow's.
    """

    name: str
    at_most_once: bool = False
    attempt: int = 1
    failures: int = 0
    first_at_ms: int
    progress: Raw = NOTHING
    max_recoveries: int


class RunCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`input` holds the arguments by name. `due_ms` is set where the start was delayed; `step` where the run is a step;
    `pin` where it was pinned."""

    type: ClassVar[str] = "run_created"
    workflow: str
    input: Raw
    deployment: str = ""
    idempotency_key: str | None = None
    parent_id: RunId | None = None
    parent_key: str | None = None
    due_ms: int | None = None
    rerun_of: RunId | None = None
    step: QueuedStep | None = None
    pin: str = ""


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


class RunRepinned(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An operator moved the run to the workers of this deployment; empty: to any."""

    type: ClassVar[str] = "run_repinned"
    pin: str = ""


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


class StepQueued(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The step goes to the workers of a queue, as a run of its own: that one's log has its attempts, from `attempt` on.

    Not replayed: to which workers a step goes is the owner's matter, and may change.
    """

    type: ClassVar[str] = "step_queued"
    queue: str
    run_id: RunId
    attempt: int
    max_recoveries: int


class StepStopped(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The last word of a step's run that was cancelled; else that is the step's outcome. Told to people, not replayed.

    `attempt`: the last that began; `interrupted`: it may have been cut off.
    """

    type: ClassVar[str] = "step_stopped"
    attempt: int
    interrupted: bool = False
    reason: str | None = None


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


class HookCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A body waits for payloads from outside, under a token. `random`: the token was made here, not given.

    From `expires_ms` on no payload is accepted. `webhook`: the terms on which an HTTP request becomes a payload.
    """

    type: ClassVar[str] = "hook_created"

    token: str
    random: bool = False
    metadata: Raw = NOTHING
    expires_ms: int | None = None
    webhook: WebhookTerms | None = None


class HookConflict(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What the World made of a `hook_created` whose token another run, `owner`, holds: this hook gets nothing.

    Its payload in the log is the hook's; the owner stands beside it.
    """

    type: ClassVar[str] = "hook_conflict"

    hook: HookCreated
    owner: RunId


class HookReceived(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`sent_ms`: when it was sent, by its sender's idea of the store's clock; what was due before is told before.

    `rejected`: why the payload doesn't fit the hook's type, path first; then the body doesn't get it.
    """

    type: ClassVar[str] = "hook_received"

    payload: Raw
    sent_ms: int = 0
    rejected: str | None = None


class HookExpired(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The hook's time is over; every payload that was accepted before stands before it."""

    type: ClassVar[str] = "hook_expired"

    due_ms: int


class HookDisposed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body gave the hook's token back, or is about to end and mail keeps it from that. Told to people and the World,
    not replayed: the body does so by itself."""

    type: ClassVar[str] = "hook_disposed"


class StreamWritten(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body wrote a chunk to a stream, its own run's unless `run_id` says otherwise."""

    type: ClassVar[str] = "stream_written"

    data: Raw
    stream: str = ""
    run_id: RunId | None = None


class StreamClosed(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The body closed a stream."""

    type: ClassVar[str] = "stream_closed"

    stream: str = ""
    run_id: RunId | None = None


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
    """Told to people, not replayed: nobody waits for these requests any more (a race's losers, a cancelled step).

    `runs`: those that steps among them were sent to a queue as; they are cancelled.
    """

    type: ClassVar[str] = "requests_released"
    keys: tuple[str, ...]
    runs: tuple[RunId, ...] = ()


class CancelRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`force_at_ms`: when the grace ends and the run is cancelled without its body; None means never."""

    type: ClassVar[str] = "cancel_requested"
    reason: str | None = None
    force_at_ms: int | None = None


class WakeRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Somebody asked to end the pending sleeps; what it ended follows as `wait_completed`, marked woken."""

    type: ClassVar[str] = "wake_requested"


Request = StepCreated | WaitCreated | ChildCreated | AttributesSet | HookCreated | StreamWritten | StreamClosed
"""What a body asks for, keyed by its place in the task tree. (A patch mark is asked for too, but keyed by its name.)"""

Delivery = (
    StepCompleted
    | StepFailed
    | WaitCompleted
    | ChildCompleted
    | ChildFailed
    | ChildCancelled
    | CancelRequested
    | HookReceived
    | HookExpired
)
"""What is handed to a body, and so begins a turn."""

End = RunCompleted | RunFailed | RunCancelled
"""How a try of a run ends."""

AnyFact = Union[  # noqa: UP007 - one union, drawn from the parts
    RunCreated, RunStarted, RunResumed, RunBlocked, RunUnblocked, RunRepinned, RunRetried,
    StepQueued, StepStarted, StepRetrying, StepHeartbeat, StepStopped, PatchMarked, WakeRequested, RequestsReleased,
    HookConflict, HookDisposed, Request, Delivery, End,
]  # fmt: skip

REQUESTS = (StepCreated, WaitCreated, ChildCreated, AttributesSet, HookCreated, StreamWritten, StreamClosed)
DELIVERIES = (
    StepCompleted, StepFailed, WaitCompleted, ChildCompleted, ChildFailed, ChildCancelled, CancelRequested,
    HookReceived, HookExpired,
)  # fmt: skip
ENDS = (RunCompleted, RunFailed, RunCancelled)

FACTS: dict[str, type[Fact]] = {fact.type: fact for fact in get_args(AnyFact)}


class Event(Struct, frozen=True, gc=False, kw_only=True):
    """A fact in its place: `seq` from 1, `turn` from 0, `epoch` of the owner that wrote it, `at_ms` by the store."""

    seq: int
    turn: int
    epoch: int
    key: str
    at_ms: int
    fact: Fact
    mail_id: MailId | None = None
