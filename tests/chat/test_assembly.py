"""An answer from its chunks: what a client of `ai` 7 would show. The real one is asked in tests/http/chat/test_front*.py."""

from typing import Any

import pytest

from perdure.chat.assembly import Assembly
from perdure.chat.chunk import UIMessageChunk

START: UIMessageChunk = {"type": "start", "messageId": "a"}
STEP: UIMessageChunk = {"type": "start-step"}
CALL = {"toolCallId": "c", "toolName": "look"}


def text(*words: str, id: str = "1", kind: str = "text") -> list[UIMessageChunk]:
    deltas: list[UIMessageChunk] = [{"type": f"{kind}-delta", "id": id, "delta": word} for word in words]
    return [{"type": f"{kind}-start", "id": id}, *deltas, {"type": f"{kind}-end", "id": id}]


SAID = {"type": "text", "text": "one two", "state": "done"}
INPUT: UIMessageChunk = {"type": "tool-input-available", **CALL, "input": {"n": 1}}
PART: dict[str, Any] = {"type": "tool-look", "toolCallId": "c", "input": {"n": 1}}

ASSEMBLED: list[tuple[list[UIMessageChunk], list[dict[str, Any]]]] = [
    ([STEP, *text("one ", "two")], [{"type": "step-start"}, SAID]),
    (text("hm", kind="reasoning"), [{"type": "reasoning", "id": "1", "text": "hm", "state": "done"}]),
    (text("one")[:2], [{"type": "text", "text": "one", "state": "streaming"}]),
    (
        [{"type": "text-start", "id": "1", "providerMetadata": {"p": {"q": 1}}}],
        [{"type": "text", "text": "", "state": "streaming", "providerMetadata": {"p": {"q": 1}}}],
    ),
    ([STEP, *text("lost"), {"type": "reset-step"}, *text("one ", "two")], [{"type": "step-start"}, SAID]),
    ([{"type": "tool-input-start", **CALL}], [{"type": "tool-look", "toolCallId": "c", "state": "input-streaming"}]),
    ([{"type": "tool-input-start", **CALL}, INPUT], [{**PART, "state": "input-available"}]),
    (
        [{**INPUT, "dynamic": True}],
        [
            {
                "type": "dynamic-tool",
                "toolName": "look",
                "toolCallId": "c",
                "input": {"n": 1},
                "state": "input-available",
            }
        ],
    ),
    (
        [INPUT, {"type": "tool-output-available", "toolCallId": "c", "output": None}],
        [{**PART, "state": "output-available", "output": None}],
    ),
    (
        [INPUT, {"type": "tool-output-error", "toolCallId": "c", "errorText": "no"}],
        [{**PART, "state": "output-error", "errorText": "no"}],
    ),
    (
        [{"type": "tool-input-error", **CALL, "input": "{", "errorText": "no"}],
        [{**PART, "input": "{", "state": "output-error", "errorText": "no"}],
    ),
    (
        [INPUT, {"type": "tool-approval-request", "approvalId": "x", "toolCallId": "c"}],
        [{**PART, "state": "approval-requested", "approval": {"id": "x"}}],
    ),
    (
        [
            INPUT,
            {"type": "tool-approval-request", "approvalId": "x", "toolCallId": "c"},
            {"type": "tool-approval-response", "approvalId": "x", "approved": False, "reason": "no"},
            {"type": "tool-output-denied", "toolCallId": "c"},
        ],
        [{**PART, "state": "output-denied", "approval": {"id": "x", "approved": False, "reason": "no"}}],
    ),
    (
        [{"type": "file", "url": "u", "mediaType": "m"}, {"type": "source-url", "sourceId": "s", "url": "u"}],
        [{"type": "file", "url": "u", "mediaType": "m"}, {"type": "source-url", "sourceId": "s", "url": "u"}],
    ),
    (
        [
            {"type": "data-a", "id": "1", "data": 1},
            {"type": "data-a", "data": 2},
            {"type": "data-a", "id": "1", "data": None},
            {"type": "data-b", "data": 3, "transient": True},
        ],
        [{"type": "data-a", "id": "1", "data": None}, {"type": "data-a", "data": 2}],
    ),
    ([{"type": "text-delta", "id": "9", "delta": "no start"}, {"type": "nonsense"}], []),
    ([{"type": "tool-output-available", "toolCallId": "nobody's", "output": 1}], []),
]


@pytest.mark.parametrize(("chunks", "parts"), ASSEMBLED)
def test_what_becomes_of_chunks(chunks: list[UIMessageChunk], parts: list[dict[str, Any]]) -> None:
    assembly = Assembly([START, *chunks, {"type": "finish"}])
    assert assembly.message == {"id": "a", "role": "assistant", "parts": parts}
    assert not assembly.cut_off


def test_nothing_was_said() -> None:
    assert Assembly([{"type": "data-user-message", "data": 1, "transient": True}]).message is None


@pytest.mark.parametrize("end", [{"type": "abort", "reason": "stopped"}, {"type": "error", "errorText": "no"}])
def test_an_answer_that_was_cut_off(end: UIMessageChunk) -> None:
    assert Assembly([START, *text("one ", "two"), end, {"type": "finish"}]).cut_off


def test_metadata_is_merged() -> None:
    told: list[UIMessageChunk] = [
        {"type": "start", "messageId": "a", "messageMetadata": {"a": {"b": 1}, "c": 1}},
        {"type": "message-metadata", "messageMetadata": {"a": {"d": 2}}},
        {"type": "message-metadata", "messageMetadata": None},
        {"type": "finish", "messageMetadata": {"c": [3]}},
    ]
    message = Assembly(told).message
    assert message is not None and message["metadata"] == {"a": {"b": 1, "d": 2}, "c": [3]}


def test_an_answer_goes_on() -> None:
    before = {"id": "b", "role": "assistant", "parts": [{"type": "step-start"}, SAID]}
    message = Assembly([{"type": "start", "messageId": "b"}, STEP, *text("three")], before).message
    assert message is not None
    assert message["parts"] == [*before["parts"], {"type": "step-start"}, {**SAID, "text": "three"}]
    assert len(before["parts"]) == 2
