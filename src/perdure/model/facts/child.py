"""A run that a body started: its start, and the end that it tells its parent."""

from typing import ClassVar

from msgspec import Raw, field

from perdure.model.facts.fact import Fact
from perdure.model.failure import Failure
from perdure.model.ids import RunId


class ChildCreated(Fact, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A body started another run."""

    type: ClassVar[str] = "child_created"
    run_id: RunId
    workflow: str
    input: Raw
    idempotency_key: str | None = None
    attributes: dict[str, str] = field(default_factory=dict[str, str])
    due_ms: int | None = None


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
