"""A model that takes no time to think, for agents of all systems: what is left is theirs.

Asked for N, it calls a tool in each of its answers but the N-th.
"""

import time
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

WORDS = tuple(f"word{number} " for number in range(20))
first_words_at_s: list[float] = []
"""When each answer that was streamed began, by `time.perf_counter`."""


async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    number, wanted = place(messages)
    called = [ToolCallPart("look_up", {"number": number}, tool_call_id=f"call{number}")] if number < wanted else []
    return ModelResponse(parts=[TextPart("".join(WORDS)), *called])


async def speak(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
    first_words_at_s.append(time.perf_counter())
    for word in WORDS:
        yield word
    number, wanted = place(messages)
    if number < wanted:
        yield {1: DeltaToolCall(name="look_up", json_args=f'{{"number": {number}}}', tool_call_id=f"call{number}")}


def place(messages: list[ModelMessage]) -> tuple[int, int]:
    """Which answer to the last prompt comes now, from 1, and how many are wanted."""
    number = 1
    for message in reversed(messages):
        number += isinstance(message, ModelResponse)
        for part in message.parts:
            if isinstance(part, UserPromptPart):
                return number, int(str(part.content))
    raise AssertionError("there is always a prompt")


async def look_up(number: int) -> int:
    """A tool."""
    return number


MODEL = FunctionModel(answer, stream_function=speak)
BARE = Agent(MODEL, tools=[look_up])
"""An agent of pydantic-ai as it is: nothing of it is durable."""


async def ask(agent: Agent[None, str], calls: int, *, streamed: bool = False) -> None:
    """Until its model has answered so often."""
    answer = await agent.run(str(calls), event_stream_handler=_listen if streamed else None)
    assert answer.usage.requests == calls


async def _listen(_: Any, events: AsyncIterable[Any]) -> None:
    async for _ in events:
        pass
