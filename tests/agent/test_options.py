"""Options: what one conversation asks for goes before what the agent was made with; and what the model gets of them."""

import asyncio
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from perdure import Retry, StepTimeout, UsageError, get_writable, start, workflow
from perdure.agent import DurableAgent, Prepared, StepContext, UIMessageChunk
from perdure.agent.operation import StepOptions, operation_step
from tests.agent.script import scripted
from tests.agent.test_agent import MODEL, SOON, agent_of, look_up, refund
from tests.api.ways import once


@workflow(name="options:flow")
async def flow(limit: int | None) -> int:
    agent = agent_of(*[[("look_up", {"order": "1"})]] * 9, max_steps=4)
    return len((await agent.generate("go", **({} if limit is None else {"max_steps": limit}))).steps)


def test_the_conversations_own_go_first() -> None:
    async def act() -> list[int]:
        return [await (await start(flow, limit)).result() for limit in (None, 2, 6)]

    assert once(act, flow, look_up, MODEL)[0] == [4, 2, 6]


# -- what the model gets


def prepare(context: StepContext) -> Prepared:
    return Prepared(
        messages=context.messages[-1:], active_tools=["refund"], tool_choice="none", settings={"temperature": 0.5}
    )


ASKED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "all": {"settings": {"max_tokens": 9, "temperature": 0.1}, "tool_choice": "required", "active_tools": ["look_up"]},
    "prepared": {"settings": {"max_tokens": 9}, "tool_choice": "required", "prepare_step": prepare},
}


@workflow(name="options:asked")
async def asked(how: str) -> list[Any]:
    heard: list[Any] = []

    async def hear(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        tools = [tool.name for tool in info.function_tools]
        heard.append([len(messages), sorted(tools), dict(info.model_settings or {})])
        return ModelResponse(parts=[TextPart("so")])

    agent = DurableAgent(FunctionModel(hear), tools=[look_up, refund], name="scripted", retry=SOON)
    first = await agent.generate("go")
    heard.clear()
    await agent.generate([*first.messages, *first.messages[:1]], **ASKED[how])
    return heard[0]


@pytest.mark.parametrize(
    ("how", "gives"),
    [
        ("nothing", [3, ["look_up", "refund"], {}]),
        ("all", [3, ["look_up"], {"max_tokens": 9, "temperature": 0.1, "tool_choice": "required"}]),
        ("prepared", [1, ["refund"], {"max_tokens": 9, "temperature": 0.5, "tool_choice": "none"}]),
    ],
)
def test_what_the_model_gets(how: str, gives: list[Any]) -> None:
    async def act() -> list[Any]:
        return await (await start(asked, how)).result()

    assert once(act, asked, look_up, refund, MODEL)[0] == gives


# -- how steps are tried

SLOW = StepOptions(Retry(max_retries=1, delay=0.01), "2s")
SLOW_PARTS = [operation_step(f"slow.{name}", SLOW) for name in ("model", "dawdle")]


async def dawdle(seconds: int) -> str:
    """Take one's time."""
    await asyncio.sleep(seconds)
    return "there"


@workflow(name="options:slow")
async def slow(model_s: int, tool_s: int) -> list[str]:
    agent = DurableAgent(
        scripted([("dawdle", {"seconds": tool_s})], [lambda: asyncio.sleep(model_s), "done"]),
        tools=[dawdle],
        name="slow",
        retry=SLOW.retry,
        step_timeout=SLOW.timeout,
        tool_retry=SLOW.retry,
        tool_timeout=SLOW.timeout,
    )
    try:
        answer = await agent.stream("go", writable=get_writable(UIMessageChunk))
    except StepTimeout as error:
        return [str(error)]
    return [answer.text, str(answer.tool_results[0].content)]


@pytest.mark.parametrize(
    ("model_s", "tool_s", "gives"),
    [
        (1, 1, ["done", "there"]),
        (5, 1, ["step slow.model took longer than 2 s"]),
        (1, 5, ["done", "StepTimeout: step slow.dawdle took longer than 2 s"]),
    ],
)
def test_an_attempt_may_take_so_long(model_s: int, tool_s: int, gives: list[str]) -> None:
    async def act() -> list[Any]:
        run = await start(slow, model_s, tool_s)
        return [await run.result(), max([one.attempt async for one in run.steps()])]

    assert once(act, slow, *SLOW_PARTS)[0] == [gives, 1 if max(model_s, tool_s) < 2 else 2]


# -- what is none


@workflow(name="options:wrong")
async def wrong(how: str) -> str:
    agent = agent_of(["so"])
    options: dict[str, Any] = {how: 5}
    try:
        if how == "max_step":
            DurableAgent("test", **options)
        await agent.generate("go", **options)
    except UsageError as error:
        return str(error)
    return "accepted"


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("max_step", "an agent has no option 'max_step': it has active_tools, approval_timeout, approvals, budget, "),
        ("stop_wen", "an agent has no option 'stop_wen': it has active_tools, "),
        (
            "tool_retry",
            "tool_retry is no option of one answer: it says how all of the agent's steps are tried; "
            "give it to DurableAgent(…)",
        ),
    ],
)
def test_what_is_no_option(how: str, sentence: str) -> None:
    async def act() -> str:
        return await (await start(wrong, how)).result()

    assert once(act, wrong, MODEL)[0].startswith(sentence)
