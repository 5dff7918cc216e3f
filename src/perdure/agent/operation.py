"""Operations of an agent as steps: one step each, which finds what it is to do by reference.

An attempt of a step begins only in the process that has replayed its run's body up to the call; so what the body holds
there (the conversation, above all) is at hand, and needn't be recorded again with every call. The body puts the
operation down under the run's id and a reference; the step takes the reference.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from perdure import Retry, Step, UsageError, get_step_metadata, get_workflow_metadata, step, uuid4
from perdure.model.duration import Duration

Operation = Callable[[], Awaitable[Any]]
_OPERATIONS: dict[tuple[str, str], Operation] = {}


class StepOptions(NamedTuple):
    """How an operation's step is tried."""

    retry: Retry = Retry()
    timeout: Duration | None = None


_STEPS: dict[str, tuple[StepOptions, Step[[str], Any]]] = {}


async def perform(operation: str) -> Any:
    """The body of every such step."""
    found = _OPERATIONS.get((get_step_metadata().run_id, operation))
    assert found is not None, "an agent's step begins where its body has been replayed up to it"
    return await found()


async def call_operation(name: str, options: StepOptions, operation: Operation) -> Any:
    """Perform the operation as a step of this name, in a workflow's body. What it gives is recorded as JSON."""
    reference = uuid4().hex
    place = get_workflow_metadata().run_id, reference
    _OPERATIONS[place] = operation
    try:
        return await operation_step(name, options)(reference)
    finally:
        if _OPERATIONS.get(place) is operation:  # a run that was lost and claimed again here has put down its own
            del _OPERATIONS[place]


def operation_step(name: str, options: StepOptions) -> Step[[str], Any]:
    """The step of this name. Raises: UsageError where it is known with other options."""
    known = _STEPS.get(name)
    if known is None:
        known = _STEPS[name] = options, step(name=name, retry=options.retry, timeout=options.timeout)(perform)
    if known[0] != options:
        raise UsageError(
            f"two agents have steps named {name!r}, tried in different ways: give each agent a name of its own"
        )
    return known[1]
