"""A step as a body calls it: recorded once, its outcome decoded from what was recorded, live as in replay."""

from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from perdure.codec.arguments import encode_arguments
from perdure.codec.failure import from_failure
from perdure.codec.value import decode
from perdure.model.definition import StepDefinition
from perdure.model.event import StepCompleted, StepCreated, StepFailed
from perdure.replay.arguments import as_recorded
from perdure.replay.body import Body


async def call_step(body: Body, step: StepDefinition, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The step's result. Raises: what the step raised for good, ArgumentsInvalid, EncodeError, DecodeError."""
    input = Raw(encode_arguments(step.named(args, kwargs)))
    key = body.key("step", step.name)
    known = body.machine.recorded(key) if body.machine.replaying else None
    if isinstance(known, StepCreated) and known.name == step.name:
        input = as_recorded(step, input, known.input)
    fact = await outcome_of(body, key, StepCreated(name=step.name, input=input, at_most_once=step.at_most_once))
    if isinstance(fact, StepCompleted):
        return decode(fact.result, step.returns, "result")
    raise from_failure(fact.error)


async def outcome_of(body: Body, key: str, step: StepCreated) -> StepCompleted | StepFailed:
    """What is recorded of the step in the end; whoever is cancelled meanwhile waits for it no more."""
    future = body.ask_for(key, step)
    try:
        return await future
    except CancelledError:
        body.release(key)
        raise
