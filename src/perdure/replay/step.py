"""A step as a body calls it: recorded once, its outcome decoded from what was recorded, live as in replay."""

from asyncio import CancelledError
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from perdure.codec.arguments import encode_arguments
from perdure.codec.failure import from_failure
from perdure.codec.value import decode
from perdure.model.definition import StepDefinition
from perdure.model.event import StepCompleted, StepCreated
from perdure.replay.arguments import as_recorded
from perdure.replay.body import Body


async def call_step(body: Body, step: StepDefinition, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The step's result; who is cancelled meanwhile waits for it no more.

    Raises: what the step raised for good, ArgumentsInvalid, EncodeError, DecodeError.
    """
    input = Raw(encode_arguments(step.named(args, kwargs)))
    key = body.key("step", step.name)
    if body.machine.replaying:
        known = body.machine.recorded(key)
        if isinstance(known, StepCreated) and known.name == step.name:
            input = as_recorded(step, input, known.input)
    outcome = body.ask_for(key, StepCreated(name=step.name, input=input, at_most_once=step.at_most_once))
    try:
        fact = await outcome
    except CancelledError:
        body.release(key)
        raise
    if isinstance(fact, StepCompleted):
        return decode(fact.result, step.returns, "result")
    raise from_failure(fact.error)
