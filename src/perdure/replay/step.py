"""A step as a body calls it: recorded once, its outcome decoded from what was recorded, live as in replay."""

from typing import Any

from msgspec import Raw

from perdure.codec.arguments import encode_arguments
from perdure.codec.failure import from_failure
from perdure.codec.value import decode
from perdure.model.definition import StepDefinition
from perdure.model.event import StepCompleted, StepCreated
from perdure.replay.body import Body


async def call_step(body: Body, step: StepDefinition, arguments: dict[str, Any]) -> Any:
    """The step's result. Raises: what the step raised for good, EncodeError, DecodeError."""
    request = StepCreated(name=step.name, input=Raw(encode_arguments(arguments)), at_most_once=step.at_most_once)
    fact = await body.outcome(body.key("step", step.name), request)
    if isinstance(fact, StepCompleted):
        return decode(fact.result, step.returns, "result")
    raise from_failure(fact.error)
