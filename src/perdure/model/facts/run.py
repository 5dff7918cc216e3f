"""What happened to the run as a whole: its start, its owners, its ends, and what was asked of it.

`by` is who asked: a person's name, mostly; None where nobody said.
"""

from typing import ClassVar

from msgspec import Raw, Struct

from perdure.model.facts.fact import Fact
from perdure.model.facts.step import QueuedStep
from perdure.model.facts.stream import StreamEpilogue
from perdure.model.failure import Failure
from perdure.model.ids import RunId


class Origin(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Where a fork's first events were taken from: a run, and the seq before which its log was cut.

    In the turns before `turn` the body gets the chance and the children's ids that it got there; `origin`: as that run was a
    fork itself. `edited`: the keys of the steps whose outcome isn't what that run recorded.
    """

    run_id: RunId
    seq: int
    turn: int
    origin: "Origin | None" = None
    edited: tuple[str, ...] = ()


class RunCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`input` holds the arguments by name. `due_ms` is set where the start was delayed; `step` where the run is a step;
    `pin` where it was pinned; `trace` where telemetry was switched on: the headers of the trace that it belongs to.
    `epilogues`: as if the body had begun with them. `forked_from`: the events that follow, up to the fork, are that run's."""

    type: ClassVar[str] = "run_created"
    workflow: str
    input: Raw
    deployment: str = ""
    idempotency_key: str | None = None
    parent_id: RunId | None = None
    parent_key: str | None = None
    due_ms: int | None = None
    rerun_of: RunId | None = None
    by: str | None = None
    step: QueuedStep | None = None
    pin: str = ""
    trace: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it, and leaves it out of the JSON while it is empty
    epilogues: tuple[StreamEpilogue, ...] = ()
    forked_from: Origin | None = None


class RunStarted(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Committed before the first activation; its `at` is `now()` of turn 0. `trace`: as in `RunCreated`, where that has
    none, as who started it (SQL, for one) knew of no telemetry."""

    type: ClassVar[str] = "run_started"
    deployment: str = ""
    trace: dict[str, str] = {}  # noqa: RUF012 - msgspec copies it, and leaves it out of the JSON while it is empty


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
    """`by`: who ended it from outside, at once; who had asked it to end before, its `cancel_requested` says."""

    type: ClassVar[str] = "run_cancelled"
    reason: str | None = None
    forced: bool = False
    by: str | None = None


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
    by: str | None = None


class RunRepinned(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """An operator moved the run to the workers of this deployment; empty: to any."""

    type: ClassVar[str] = "run_repinned"
    pin: str = ""
    by: str | None = None


class RunRetried(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A failed run goes on in place: replay skips the delivery at `failure_seq`, so that its step is tried anew."""

    type: ClassVar[str] = "run_retried"
    failure_seq: int
    by: str | None = None


class CancelRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`force_at_ms`: when the grace ends and the run is cancelled without its body; None means never."""

    type: ClassVar[str] = "cancel_requested"
    reason: str | None = None
    force_at_ms: int | None = None
    by: str | None = None


class WakeRequested(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Somebody asked to end the pending sleeps; what it ended follows as `wait_completed`, marked woken."""

    type: ClassVar[str] = "wake_requested"
    by: str | None = None
