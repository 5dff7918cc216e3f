"""What an agent's steps tell by the conventions for generative AI: names and counts, and nothing that was said."""

import asyncio

import pytest
from opentelemetry.trace import get_current_span, use_span

from perdure import close, configure, start
from perdure.agent.span import model_call, tool_call
from perdure.api import connect
from tests.agent.test_agent import clean
from tests.agent.test_durability import asking
from tests.telemetry.collected import Collected, attributes_of

ANSWER = {
    "parts": [{"content": "hunter2", "part_kind": "text"}],
    "usage": {"input_tokens": 51, "output_tokens": 2},
    "model_name": "small-1",
    "provider_name": "openai",
    "provider_response_id": "r-1",
    "finish_reason": "stop",
}


async def answers() -> object:
    return ANSWER


def test_a_model_call() -> None:
    told = Collected()
    with told.tracer.start_as_current_span("step"):
        assert asyncio.run(model_call("support", answers)()) is ANSWER
    assert attributes_of(told.one("step")) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.agent.name": "support",
        "gen_ai.provider.name": "openai",
        "gen_ai.response.model": "small-1",
        "gen_ai.response.id": "r-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 51,
        "gen_ai.usage.output_tokens": 2,
    }
    assert "hunter2" not in told.everything()


def test_a_tool_call() -> None:
    told = Collected()
    with told.tracer.start_as_current_span("step"):
        asyncio.run(tool_call("support", "look_up", answers)())
    assert attributes_of(told.one("step")) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.agent.name": "support",
        "gen_ai.tool.name": "look_up",
    }


def test_without_a_span_nothing_is_told() -> None:
    assert not get_current_span().is_recording()
    assert asyncio.run(model_call("support", answers)()) is ANSWER
    with use_span(get_current_span()):
        assert asyncio.run(tool_call("support", "look_up", answers)()) is ANSWER


@pytest.mark.anyio
async def test_an_agents_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clean()
    told = Collected()
    monkeypatch.setattr(connect, "telemetry", lambda: told.telemetry)
    configure(world="memory://")
    await (await start(asking, "how heavy?")).result()
    await close()
    models = [attributes_of(span) for span in told.named("step bare.model")]
    assert [each["gen_ai.agent.name"] for each in models] == ["bare", "bare"]
    assert all(each["gen_ai.usage.output_tokens"] > 0 for each in models)
    [weighed] = told.named("step bare.weigh")
    assert attributes_of(weighed)["gen_ai.tool.name"] == "weigh"
    assert "how heavy?" not in told.everything()
