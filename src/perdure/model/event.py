"""What a run's log can say: one closed union of facts (`facts/`, by noun), and the event that carries each.

Every fact is frozen, and its fields are what docs/protocol.md documents under its `type`. User values inside are `Raw`:
the JSON that `perdure.codec` made, byte for byte, so that two of them can be compared without reading them.
"""

from typing import Union, get_args

from msgspec import Struct

from perdure.model.facts.body import AttributesSet, PatchMarked, RequestsReleased
from perdure.model.facts.child import ChildCancelled, ChildCompleted, ChildCreated, ChildFailed
from perdure.model.facts.fact import NOTHING as NOTHING
from perdure.model.facts.fact import Fact
from perdure.model.facts.hook import HookConflict, HookCreated, HookDisposed, HookExpired, HookReceived
from perdure.model.facts.run import (
    CancelRequested,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRepinned,
    RunResumed,
    RunRetried,
    RunStarted,
    RunUnblocked,
    WakeRequested,
)
from perdure.model.facts.run import Origin as Origin
from perdure.model.facts.step import QueuedStep as QueuedStep
from perdure.model.facts.step import (
    StepCompleted,
    StepCreated,
    StepFailed,
    StepHeartbeat,
    StepQueued,
    StepRetrying,
    StepStarted,
    StepStopped,
)
from perdure.model.facts.stream import StreamClosed, StreamEpilogue, StreamWritten
from perdure.model.facts.wait import WaitCompleted, WaitCreated
from perdure.model.ids import MailId

Request = (
    StepCreated
    | WaitCreated
    | ChildCreated
    | AttributesSet
    | HookCreated
    | StreamWritten
    | StreamClosed
    | StreamEpilogue
)
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

REQUESTS = (
    StepCreated, WaitCreated, ChildCreated, AttributesSet, HookCreated, StreamWritten, StreamClosed, StreamEpilogue,
)  # fmt: skip
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
