"""What an agent's work came to: for the workflow, not for the log. Return what you need of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, ToolCallPart, ToolReturnPart
from pydantic_ai.usage import RequestUsage, RunUsage

from perdure.agent.message import to_ui_messages
from perdure.chat.message import UIMessage

FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_call": "tool-calls",
    "error": "error",
}
"""Why a model stopped, in the words of the chat wire."""


@dataclass(frozen=True, kw_only=True)
class AgentStep:
    """One model call, its `response`, and what the tools that it called gave: `tool_results`."""

    response: ModelResponse
    tool_results: Sequence[ToolReturnPart] = ()

    @property
    def text(self) -> str:
        """What the model said; empty where it said nothing."""
        return self.response.text or ""

    @property
    def tool_calls(self) -> Sequence[ToolCallPart]:
        """The tools that it called, with their arguments."""
        return self.response.tool_calls

    @property
    def usage(self) -> RequestUsage:
        """Tokens that this call took."""
        return self.response.usage

    @property
    def finish_reason(self) -> str | None:
        """As npm `ai` says it; None where the model doesn't tell."""
        reason = self.response.finish_reason
        return None if reason is None else FINISH_REASONS.get(reason, "other")


@dataclass(frozen=True, kw_only=True)
class AgentResult:
    """`output` is None where the loop ended before there was one; then `stopped` says why: "max_steps", "stop_when",
    "budget", or "client" (tool calls that wait for the client). `messages` are all, with those that were given; `new`
    those that came."""

    output: Any
    stopped: str | None
    steps: Sequence[AgentStep]
    messages: Sequence[ModelMessage]
    new: Sequence[ModelMessage]
    usage: RunUsage

    @property
    def text(self) -> str:
        """What the model said in its last step."""
        return self.steps[-1].text if self.steps else ""

    @property
    def tool_calls(self) -> Sequence[ToolCallPart]:
        """Those of all steps."""
        return [call for step in self.steps for call in step.tool_calls]

    @property
    def tool_results(self) -> Sequence[ToolReturnPart]:
        """Those of all steps."""
        return [result for step in self.steps for result in step.tool_results]

    @property
    def finish_reason(self) -> str | None:
        """That of the last step."""
        return self.steps[-1].finish_reason if self.steps else None

    @property
    def ui_messages(self) -> list[UIMessage]:
        """All messages as a chat client keeps them, as plain JSON."""
        return to_ui_messages(self.messages)


def steps_of(messages: Sequence[ModelMessage]) -> list[AgentStep]:
    """Each response, with the results of the tools that it called, which follow it."""
    steps: list[AgentStep] = []
    for message in messages:
        if isinstance(message, ModelResponse):
            steps.append(AgentStep(response=message))
        elif steps:
            results = tuple(part for part in message.parts if isinstance(part, ToolReturnPart))
            steps[-1] = replace(steps[-1], tool_results=(*steps[-1].tool_results, *results))
    return steps
