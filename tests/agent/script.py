"""A model that says what a script has, and remembers how often it was asked; and a client that puts chunks together."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

from perdure import get_step_metadata
from perdure.chat.chunk import UIMessageChunk, flaw

Line = str | tuple[str, dict[str, Any]] | Exception | Callable[[], Any]
"""A piece of text (`~…`: of thought), a call of a tool, what is raised, or what is called in between."""
calls: list[tuple[str, int]] = []
"""The step and the attempt of each time that a model was asked, or a tool was called that says so."""


def called() -> None:
    """Write down that this attempt of this step is made."""
    me = get_step_metadata()
    calls.append((me.step_id, me.attempt))


def scripted(*answers: Sequence[Line], gap_s: float = 0.001) -> FunctionModel:
    """The n-th model call since the last prompt gives the n-th answer; there is none after the last."""

    async def speak(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        called()
        number = _number(messages)
        for place, line in enumerate(answers[number]):
            if isinstance(line, Exception):
                raise line
            if callable(line):
                given = line()
                if asyncio.iscoroutine(given):
                    await given
            elif isinstance(line, tuple):
                name, arguments = line
                text = _json(arguments)
                yield {place: DeltaToolCall(name=name, json_args=text[:4], tool_call_id=f"call-{number}-{place}")}
                yield {place: DeltaToolCall(json_args=text[4:], tool_call_id=f"call-{number}-{place}")}
            elif line.startswith("~"):
                yield {place: DeltaThinkingPart(content=line[1:])}
            else:
                yield line
            await asyncio.sleep(gap_s)

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        called()
        parts: list[Any] = []
        number = _number(messages)
        for line in answers[number]:
            if isinstance(line, Exception):
                raise line
            if isinstance(line, tuple):
                parts.append(ToolCallPart(line[0], line[1], tool_call_id=f"call-{number}-{len(parts)}"))
            elif isinstance(line, str):
                parts.append(ThinkingPart(line[1:]) if line.startswith("~") else TextPart(line))
        return ModelResponse(parts=parts)

    return FunctionModel(answer, stream_function=speak)


def _number(messages: list[ModelMessage]) -> int:
    """How many answers there are since the last prompt."""
    count = 0
    for message in reversed(messages):
        if isinstance(message, ModelResponse):
            count += 1
        elif any(part.part_kind == "user-prompt" for part in message.parts):
            break
    return count


def _json(arguments: dict[str, Any]) -> str:

    return json.dumps(arguments)


def shown(chunks: Sequence[UIMessageChunk]) -> list[Any]:
    """The parts of the message that a client of `ai` 7 has at the end: texts, thoughts, tool calls with what they gave.

    Raises: AssertionError where such a client would break: at an unknown chunk, or a delta without its start.
    """
    parts: list[Any] = []
    texts: dict[tuple[str, str], list[str]] = {}
    tools: dict[str, list[Any]] = {}
    first = 0
    for chunk in chunks:
        assert flaw(chunk) is None, flaw(chunk)
        kind, _, what = chunk["type"].partition("-")
        match kind, what:
            case (("text" | "reasoning"), "start"):
                texts[kind, chunk["id"]] = part = [kind, ""]
                parts.append(part)
            case (("text" | "reasoning"), "delta"):
                texts[kind, chunk["id"]][1] += chunk["delta"]
            case (("text" | "reasoning"), "end"):
                del texts[kind, chunk["id"]]
            case "tool", "input-start" | "input-available" | "input-error":
                part = tools.setdefault(chunk["toolCallId"], [chunk["toolName"], None, None])
                if part not in parts:
                    parts.append(part)
                part[1] = chunk.get("input")
                if what == "input-error":
                    part[2] = ["error", chunk["errorText"]]
            case "tool", "output-available":
                tools[chunk["toolCallId"]][2] = chunk["output"]
            case "tool", "output-error":
                tools[chunk["toolCallId"]][2] = ["error", chunk["errorText"]]
            case "tool", "output-denied":
                tools[chunk["toolCallId"]][2] = ["denied"]
            case "tool", "approval-request" | "input-delta":
                assert chunk["toolCallId"] in tools
            case "start", "step":
                first = len(parts)
            case "reset", "step":
                del parts[first:]
                texts.clear()
            case (("error" | "abort"), ""):
                parts.append([kind])
            case _:
                pass
    assert not texts, f"{texts} are open at the end"
    return parts
