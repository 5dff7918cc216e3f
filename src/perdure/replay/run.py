"""Child runs as a body sees them: started with the turn, their end delivered like a step's."""

import asyncio
from typing import Any

from msgspec import Raw

from perdure.codec.failure import from_failure
from perdure.codec.value import decode
from perdure.core.fork import source_of
from perdure.errors import RunCancelled, RunFailed
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import ChildCancelled, ChildCompleted, ChildCreated
from perdure.model.ids import RunId, child_run_id
from perdure.replay.arguments import as_recorded
from perdure.replay.body import Body


def start_child(
    body: Body, workflow: WorkflowDefinition, given: bytes, *, attributes: dict[str, str], due_ms: int | None
) -> RunId:
    """Ask for a child run. Its id derives from the parent's id and the request's key, so it is known at once."""
    key, input = body.key("child", workflow.name), Raw(given)
    known = body.machine.recorded(key) if body.machine.replaying else None
    if isinstance(known, ChildCreated) and known.workflow == workflow.name:
        input = as_recorded(workflow, input, known.input)
    run_id = child_run_id(source_of(body.run_id, body.origin, body.machine.turn), key)
    request = ChildCreated(run_id=run_id, workflow=workflow.name, input=input, attributes=attributes, due_ms=due_ms)
    body.children[run_id] = (key, body.ask_for(key, request))
    return run_id


async def child_result(body: Body, run_id: RunId, returns: object) -> Any:
    """The child's result. Raises: RunFailed (the original as `__cause__`), RunCancelled."""
    _, future = body.children[run_id]
    fact = await asyncio.shield(future)
    if isinstance(fact, ChildCompleted):
        return decode(fact.result, returns, "result")
    if isinstance(fact, ChildCancelled):
        raise RunCancelled(run_id, fact.reason)
    error = from_failure(fact.error)
    raise RunFailed(run_id, f"{fact.error.type.rpartition(':')[2]}: {fact.error.message}") from error
