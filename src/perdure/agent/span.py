"""What an agent's step does, on its span, by OpenTelemetry's conventions for generative AI: names and counts, no words.

pydantic-ai brings OpenTelemetry's API along. Where telemetry is off there is no span, and nothing is told.
"""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from opentelemetry.trace import get_current_span
from opentelemetry.util.types import AttributeValue

Body = Callable[[], Awaitable[object]]


def model_call(agent: str, body: Body) -> Body:
    """The body of a model call's step, which tells of the answer."""

    async def told() -> object:
        answer = await body()
        span = get_current_span()
        if span.is_recording():
            span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.agent.name": agent, **_answer(answer)})
        return answer

    return told


def tool_call(agent: str, tool: str, body: Body) -> Body:
    """The body of a tool call's step, which tells of the tool."""

    async def told() -> object:
        names = {"gen_ai.agent.name": agent, "gen_ai.tool.name": tool}
        get_current_span().set_attributes({"gen_ai.operation.name": "execute_tool", **names})
        return await body()

    return told


def _answer(answer: object) -> dict[str, AttributeValue]:
    """Of a model's answer as JSON, what is there."""
    said = cast("dict[str, Any]", answer) if isinstance(answer, dict) else {}
    usage: dict[str, Any] = said.get("usage") or {}
    reason = said.get("finish_reason")
    told: dict[str, Any] = {
        "gen_ai.provider.name": said.get("provider_name"),
        "gen_ai.response.model": said.get("model_name"),
        "gen_ai.response.id": said.get("provider_response_id"),
        "gen_ai.response.finish_reasons": None if reason is None else [reason],
        "gen_ai.usage.input_tokens": usage.get("input_tokens"),
        "gen_ai.usage.output_tokens": usage.get("output_tokens"),
    }
    return {name: value for name, value in told.items() if value is not None}
