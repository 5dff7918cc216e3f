"""The bare capability: an agent of pydantic-ai, made durable with one line; outside of a workflow it is what it was."""

import asyncio
from typing import Any

import pytest
from pydantic_ai import Agent, ModelHTTPError, RunContext, UnexpectedModelBehavior
from pydantic_ai.exceptions import UserError

from perdure import start, workflow
from perdure.agent import Durability, tool
from perdure.agent.durability import MODEL_RETRY, is_final
from perdure.agent.operation import StepOptions, operation_step
from tests.agent.script import called, calls, scripted
from tests.agent.test_agent import clean, look_up, ran_once
from tests.api.ways import in_every_way, once

STEPS = [
    operation_step(f"bare.{name}", StepOptions(MODEL_RETRY if name == "model" else StepOptions().retry))
    for name in ("model", "weigh")
]


async def weigh(context: RunContext[int], order: str) -> int:
    """Weigh an order."""
    called()
    return context.deps * len(order)


AGENT = Agent(
    scripted([("weigh", {"order": "abc"}), ("look_up", {"order": "1"})], ["heavy"]),
    name="bare",
    deps_type=int,
    tools=[weigh, tool(look_up)],
    capabilities=[Durability()],
)


@workflow(name="bare:asking")
async def asking(question: str) -> list[Any]:
    result = await AGENT.run(question, deps=5)
    returned = [
        part.content for message in result.all_messages() for part in message.parts if part.part_kind == "tool-return"
    ]
    return [result.output, returned]


def test_an_agent_of_pydantic_ai() -> None:
    async def act() -> list[Any]:
        run = await start(asking, "how heavy?")
        return [*await run.result(), await ran_once(run)]

    gives = ["heavy", [15, {"order": "1", "lines": [1, None]}], True]
    in_every_way(act, asking, look_up, *STEPS, gives=gives, before=clean)


def test_its_steps_are_named_after_it() -> None:
    async def act() -> list[str]:
        run = await start(asking, "how heavy?")
        await run.result()
        return [one.name async for one in run.steps()]

    names = once(act, asking, look_up, *STEPS)[0]
    assert names == ["bare.model", "bare.weigh", "agents:look-up", "bare.model"]


def test_outside_of_a_workflow_it_is_what_it_was() -> None:
    agent = Agent(scripted(["free"]), name="free", capabilities=[Durability()])
    with pytest.raises(Exception, match="get_step_metadata"):  # the script's, which says that it is no step
        asyncio.run(agent.run("go"))
    assert not calls or calls[-1]


@pytest.mark.parametrize(
    ("error", "final"),
    [
        (ModelHTTPError(400, "m"), True),
        (ModelHTTPError(401, "m"), True),
        (ModelHTTPError(429, "m"), False),
        (ModelHTTPError(503, "m"), False),
        (UserError("x"), True),
        (UnexpectedModelBehavior("x"), True),
        (ConnectionError("x"), False),
    ],
)
def test_what_a_model_would_say_again(error: Exception, final: bool) -> None:
    assert is_final(error) is final
    assert MODEL_RETRY.retries(error) is not final
