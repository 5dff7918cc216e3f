"""Events of pydantic-ai as chunks: nulls stay, partial arguments go out as they came."""

import asyncio
from typing import Any

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    FunctionToolCallEvent,
    FunctionToolResultEvent,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolCallPartDelta,
    ToolReturnPart,
)

from perdure.agent.event import Events
from perdure.chat.chunk import flaw

CALL = ToolCallPart("look", '{"a"', "c")


def told(*events: Any) -> list[dict[str, Any]]:
    async def tell() -> list[dict[str, Any]]:
        telling = Events("step.1")
        return [chunk for event in events for chunk in await telling.chunks(event)]

    chunks = asyncio.run(tell())
    assert [flaw(chunk) for chunk in chunks] == [None] * len(chunks)
    return chunks


def test_parts_have_ids_of_their_own() -> None:
    events = (PartStartEvent(index=0, part=TextPart("a")), PartStartEvent(index=1, part=ThinkingPart("b")))
    assert [chunk["id"] for chunk in told(*events)] == ["step.1.1", "step.1.1", "step.1.2", "step.1.2"]


def test_partial_arguments_go_out_as_they_came() -> None:
    delta = PartDeltaEvent(index=0, delta=ToolCallPartDelta(args_delta=": nul", tool_call_id="c"))
    chunks = told(PartStartEvent(index=0, part=CALL), delta)
    assert [chunk.get("inputTextDelta") for chunk in chunks] == [None, '{"a"', ": nul"]


@pytest.mark.parametrize("text", ["words", ""])
@pytest.mark.parametrize("more", [{}, {"provider_name": "p"}, {"provider_name": "p", "provider_details": {"a": 1}}])
def test_a_text_goes_the_short_way_as_it_would_go_the_long_one(text: str, more: Any) -> None:
    async def both_ways() -> tuple[Any, Any]:
        telling, event = Events("step.1"), PartDeltaEvent(index=0, delta=TextPartDelta(text, **more))
        await telling.chunks(PartStartEvent(index=0, part=TextPart("a")))
        return await telling.chunks(event), await telling._converted(event)

    short, long = asyncio.run(both_ways())
    assert short == long and len(long) == bool(text)


@pytest.mark.parametrize(
    ("arguments", "kind", "input"),
    [
        ('{"a": null}', "tool-input-available", {"a": None}),
        ({"a": None}, "tool-input-available", {"a": None}),
        (None, "tool-input-available", {}),
        ("", "tool-input-available", {}),
        ('{"a": nul', "tool-input-error", '{"a": nul'),
        ("[1]", "tool-input-error", "[1]"),
    ],
)
def test_a_call_is_told_with_its_arguments(arguments: Any, kind: str, input: Any) -> None:
    [chunk] = told(PartEndEvent(index=0, part=ToolCallPart("look", arguments, "c")))
    assert (chunk["type"], chunk["input"]) == (kind, input)


def test_a_file() -> None:
    file = BinaryContent(b"\x89PNG", media_type="image/png")
    [chunk] = told(PartStartEvent(index=0, part=FilePart(file)))
    assert chunk == {"type": "file", "url": "data:image/png;base64,iVBORw==", "mediaType": "image/png"}


@pytest.mark.parametrize(
    ("returned", "chunk"),
    [
        (ToolReturnPart("look", None, "c"), {"type": "tool-output-available", "toolCallId": "c", "output": None}),
        (
            ToolReturnPart("look", {"a": [None]}, "c"),
            {"type": "tool-output-available", "toolCallId": "c", "output": {"a": [None]}},
        ),
        (
            ToolReturnPart("look", "no", "c", outcome="failed"),
            {"type": "tool-output-error", "toolCallId": "c", "errorText": "no"},
        ),
        (ToolReturnPart("look", "no", "c", outcome="denied"), {"type": "tool-output-denied", "toolCallId": "c"}),
    ],
)
def test_what_a_tool_gave(returned: ToolReturnPart, chunk: dict[str, Any]) -> None:
    assert told(FunctionToolCallEvent(CALL, args_valid=True), FunctionToolResultEvent(returned)) == [chunk]
