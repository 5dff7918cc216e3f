"""From pydantic-ai's events to chunks of the chat wire. What a model says comes from its step, what tools give from the
body; each knows its own part only."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from pydantic_ai.messages import (
    AgentStreamEvent,
    FunctionToolCallEvent,
    OutputToolCallEvent,
    PartDeltaEvent,
    TextPartDelta,
    ToolCallPart,
)
from pydantic_ai.ui.vercel_ai import VercelAIEventStream
from pydantic_ai.ui.vercel_ai.response_types import (
    BaseChunk,
    ToolInputAvailableChunk,
    ToolInputErrorChunk,
)

from perdure.chat.chunk import NEWEST, UIMessageChunk, bare

NOT_AN_OBJECT = "the arguments are no JSON object"


class Events(VercelAIEventStream[Any, Any]):
    """One model call's, or the tools' of one conversation. Metadata is as `load_messages` reads it back."""

    def __init__(self, prefix: str = "") -> None:
        super().__init__(sdk_version=NEWEST)
        self._prefix, self._parts = prefix, 0

    def new_message_id(self) -> str:
        """The id of the next text: of this attempt alone, so that a retried one's can't be taken for it."""
        self._parts += 1
        self.message_id = f"{self._prefix}.{self._parts}"
        return self.message_id

    async def chunks(self, event: AgentStreamEvent) -> list[UIMessageChunk]:
        """What the client is told of this event."""
        match event:  # the most frequent by far: the long way makes the same, in ten times the time
            case PartDeltaEvent(delta=TextPartDelta(text, provider_name=None, provider_details=None)) if text:
                return [{"type": "text-delta", "id": self.message_id, "delta": text}]
            case _:
                pass
        return await self._converted(event)

    async def _converted(self, event: AgentStreamEvent) -> list[UIMessageChunk]:
        return [bare(chunk.model_dump(mode="json", by_alias=True)) async for chunk in self.handle_event(event)]

    async def handle_tool_call_end(self, part: ToolCallPart) -> AsyncIterator[BaseChunk]:
        """The call is told with the model's step: one that is tried again takes it back."""
        arguments = part.args if isinstance(part.args, str) else json.dumps(part.args or {})
        for chunk in _input(part, arguments or "{}"):
            yield chunk

    async def handle_function_tool_call(self, event: FunctionToolCallEvent) -> AsyncIterator[BaseChunk]:
        """Told before."""
        return
        yield

    async def handle_output_tool_call(self, event: OutputToolCallEvent) -> AsyncIterator[BaseChunk]:
        """Told before."""
        return
        yield


def _input(part: ToolCallPart, arguments: str) -> Iterator[BaseChunk]:
    try:
        value = json.loads(arguments)
    except ValueError:
        value = None
    if isinstance(value, dict):
        yield ToolInputAvailableChunk(tool_call_id=part.tool_call_id, tool_name=part.tool_name, input=value)
    else:
        yield ToolInputErrorChunk(
            tool_call_id=part.tool_call_id, tool_name=part.tool_name, input=arguments, error_text=NOT_AN_OBJECT
        )
