"""The body of a run that is one step of its parent, sent to a queue: it asks for that step, and ends as the step ends.

There is no code of a user's in it, so nothing that could diverge: the step itself runs as every step does.
"""

from asyncio import CancelledError
from collections.abc import Callable
from typing import Any

from msgspec import Raw

from perdure.codec.failure import from_failure
from perdure.core.divergence import Show, cut
from perdure.core.history import History
from perdure.model.definition import WorkflowDefinition
from perdure.model.event import QueuedStep, RunCreated, StepCompleted, StepCreated
from perdure.model.ids import RunId
from perdure.replay.body import Body


class StepBody(Body):
    """One queued step's. The step has the key that it has in its parent."""

    __slots__ = ("_key", "_step")

    def __init__(self, step: QueuedStep, key: str, **given: Any) -> None:
        super().__init__(**given)
        self._step, self._key = step, key

    async def _run(self) -> bytes:
        step = self._step
        asked = StepCreated(name=step.name, input=self._input, at_most_once=step.at_most_once)
        outcome = self.ask_for(self._key, asked)
        try:
            fact = await outcome
        except CancelledError:
            self.release(self._key)
            raise
        if isinstance(fact, StepCompleted):
            return bytes(fact.result)
        raise from_failure(fact.error)


def body_of(
    created: RunCreated,
    run_id: RunId,
    definition: WorkflowDefinition,
    history: History,
    new_token: Callable[[], str],
    show: Show = cut,
) -> Body:
    """The body of the run whose log begins so."""
    given: dict[str, Any] = {
        "run_id": run_id,
        "definition": definition,
        "input": Raw(created.input),
        "history": history,
        "new_token": new_token,
        "show": show,
        "origin": created.forked_from,
    }
    return Body(**given) if created.step is None else StepBody(created.step, created.parent_key or "", **given)
