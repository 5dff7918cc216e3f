"""What a workflow or a step may know about itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.api.records import moment
from perdure.errors import NotInStep, NotInWorkflow
from perdure.replay.body import current_body
from perdure.replay.scope import current_attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowMetadata:
    """What a workflow's body may know of its run. `started_at` is aware, UTC."""

    run_id: str
    workflow_name: str
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StepMetadata:
    """The attempt that a step's function runs in.

    * `step_id`: the same in every attempt, and unique in the world: the idempotency key for whatever the step calls.
    * `attempt` counts from 1; `started_at` is when the first one began.
    * `progress`: what an earlier attempt last gave to `heartbeat`, or None.
    """

    step_id: str
    step_name: str
    attempt: int
    started_at: datetime
    run_id: str
    progress: Any


def get_workflow_metadata() -> WorkflowMetadata:
    """Of the run that this workflow's body belongs to. Raises: NotInWorkflow."""
    body = current_body()
    if body is None:
        raise NotInWorkflow("get_workflow_metadata", "in a step, get_step_metadata() has the run's id")
    return WorkflowMetadata(
        run_id=body.run_id, workflow_name=body.definition.name, started_at=moment(body.started_at_ms)
    )


def get_step_metadata() -> StepMetadata:
    """Of the attempt that this step's function runs in. Raises: NotInStep."""
    attempt = current_attempt()
    if attempt is None:
        raise NotInStep("get_step_metadata")
    return StepMetadata(
        step_id=attempt.step_id,
        step_name=attempt.step_name,
        attempt=attempt.attempt,
        started_at=moment(attempt.started_at_ms),
        run_id=attempt.run_id,
        progress=attempt.progress,
    )


async def heartbeat(progress: Any = None) -> None:
    """Tell that this step is alive, and optionally how far it is: a later attempt finds that as `progress`.

    With `@step(heartbeat_timeout=…)` an attempt that is silent for longer ends with StepTimeout. Progress is recorded about
    once a second, so after a crash the next attempt may find an older one. Raises: NotInStep, EncodeError.
    """
    attempt = current_attempt()
    if attempt is None:
        raise NotInStep("heartbeat")
    attempt.beat(progress)
