"""What is open in a message, told by chunks, and what ends it."""

import pytest

from perdure.chat.chunk import UIMessageChunk, flaw
from perdure.chat.part import OpenParts

TEXT: UIMessageChunk = {"type": "text-start", "id": "1"}
THOUGHT: UIMessageChunk = {"type": "reasoning-start", "id": "1"}
CALL: UIMessageChunk = {"type": "tool-input-start", "toolCallId": "c", "toolName": "look"}
CALLED: UIMessageChunk = {"type": "tool-input-available", "toolCallId": "c", "toolName": "look", "input": {}}


def typed(delta: str) -> UIMessageChunk:
    return {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": delta}


@pytest.mark.parametrize(
    ("chunks", "ends"),
    [
        ([], []),
        ([TEXT, {"type": "text-delta", "id": "1", "delta": "x"}], [{"type": "text-end", "id": "1"}]),
        ([TEXT, {"type": "text-end", "id": "1"}], []),
        ([THOUGHT, TEXT], [{"type": "text-end", "id": "1"}, {"type": "reasoning-end", "id": "1"}]),
        (
            [CALL, typed('{"a"'), typed(": 1")],
            [
                {
                    "type": "tool-input-error",
                    "toolCallId": "c",
                    "toolName": "look",
                    "input": '{"a": 1',
                    "errorText": "interrupted",
                }
            ],
        ),
        ([CALL, CALLED], [{"type": "tool-output-error", "toolCallId": "c", "errorText": "interrupted"}]),
        (
            [CALL, {**CALLED, "providerExecuted": True}],
            [{"type": "tool-output-error", "toolCallId": "c", "errorText": "interrupted", "providerExecuted": True}],
        ),
        ([CALL, CALLED, {"type": "tool-output-available", "toolCallId": "c", "output": None}], []),
        ([CALL, CALLED, {"type": "tool-output-denied", "toolCallId": "c"}], []),
        ([TEXT, CALL, {"type": "reset-step"}], []),
        ([{"type": "data-x", "data": 1}, {"nothing": 1}], []),
    ],
)
def test_what_is_open_is_ended(chunks: list[UIMessageChunk], ends: list[UIMessageChunk]) -> None:
    parts = OpenParts(chunks)
    found = parts.closing()
    assert found == ends
    assert [flaw(chunk) for chunk in found] == [None] * len(found)
    assert parts.closing() == [], "once"
