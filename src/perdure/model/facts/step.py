"""A step: its call, its attempts, its outcome, and where it lies in a queue."""

from typing import ClassVar

from msgspec import Raw, Struct

from perdure.model.facts.fact import NOTHING, Fact
from perdure.model.failure import Failure
from perdure.model.ids import RunId


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
