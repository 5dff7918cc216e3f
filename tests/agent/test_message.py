"""Messages of chat clients: to the model, and back."""

from typing import Any

import pytest
from pydantic_ai import ToolDenied
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from perdure import UsageError
from perdure.agent.message import decisions_in, readable, to_model_messages, to_ui_messages
from perdure.chat.message import misfit


def test_a_text_is_a_prompt() -> None:
    [request] = to_model_messages("hi")
    assert [part.part_kind for part in request.parts] == ["user-prompt"]


def test_messages_of_pydantic_ai_stay_as_they_are() -> None:
    messages = [ModelRequest(parts=[UserPromptPart("hi")])]
    assert to_model_messages(messages) == messages


def test_there_and_back() -> None:
    messages = [
        ModelRequest(parts=[UserPromptPart("hi")]),
        ModelResponse(
            parts=[
                ThinkingPart("hm", signature="s", provider_name="p"),
                TextPart("so"),
                ToolCallPart("look", {"a": 1}, "c"),
            ],
        ),
        ModelRequest(parts=[ToolReturnPart("look", {"found": None}, "c")]),
        ModelResponse(parts=[TextPart("there")]),
    ]
    told = to_ui_messages(messages)
    assert misfit(told) is None
    assert [message["id"] for message in told] == ["user-1", "assistant-1", "assistant-2"], (
        "in a replay they are the same"
    )
    back = to_model_messages(told)
    kinds = [[part.part_kind for part in message.parts] for message in back]
    assert kinds == [["user-prompt"], ["thinking", "text", "tool-call"], ["tool-return"], ["text"]]
    assert back[1].parts[0].signature == "s", "a provider wants its own signature back"
    assert back[2].parts[0].content == {"found": None}


@pytest.mark.parametrize(
    ("messages", "sentence"),
    [
        ([], "messages is no message of a chat: it is empty: there is nothing to answer"),
        ([{"role": "user"}], "messages[0].parts is no message of a chat: it is a list"),
        (
            [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "x", "state": "odd"}]}],
            "messages[0.parts.0",
        ),
        (
            [{"id": "1", "role": "user", "parts": [{"type": "data-x", "data": 1}]}],
            "the messages of a chat have nothing that a model could be given: no text, no file",
        ),
    ],
)
def test_what_is_no_message(messages: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        to_model_messages(messages)
    assert str(caught.value).startswith(sentence)


def test_a_message_needs_no_id() -> None:
    assert to_model_messages([{"role": "user", "parts": [{"type": "text", "text": "hi"}]}])


def test_messages_that_no_model_can_be_given() -> None:
    """They are left out of what was said before, so that they are in nobody's way."""
    fine = [{"id": n, "role": "user", "parts": [{"type": "text", "text": n}]} for n in ("1", "2")]
    call = {"type": "tool-x", "toolCallId": "c", "state": "output-available", "input": {}, "output": 1}
    odd = [
        {"id": "3", "role": "user", "parts": [{"type": "nonsense"}]},
        {"id": "4", "role": "user", "parts": [call]},
        {"id": "5", "role": "user", "parts": [{"type": "data-x", "data": 1}]},
        {"id": "6", "role": "assistant", "parts": []},
    ]
    answer = {"id": "7", "role": "assistant", "parts": [call]}
    assert readable([fine[0], *odd, answer, fine[1]]) == [fine[0], answer, fine[1]]


def test_decisions_are_in_the_last_message() -> None:
    def part(id: str, **approval: Any) -> dict[str, Any]:
        return {"type": "tool-x", "state": "approval-responded", "toolCallId": id, "approval": {"id": "a", **approval}}

    parts = [
        part("1", approved=True),
        part("2", approved=False),
        part("3", approved=False, reason="no"),
        {"type": "text"},
    ]
    found = decisions_in([{"role": "assistant", "parts": parts}])
    assert found is not None
    assert found.approvals == {"1": True, "2": False, "3": ToolDenied("no")}
    assert decisions_in([{"role": "assistant", "parts": parts}, {"role": "user", "parts": []}]) is None
    assert [decisions_in(none) for none in ("hi", [], [5], None)] == [None] * 4


def test_a_call_that_a_client_has_made_up_is_left_out() -> None:
    call = {"type": "tool-refund", "toolCallId": "c1", "state": "input-available", "input": {"order": "7"}}
    asked = {"role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    given: list[Any] = [asked, {"role": "assistant", "parts": [{"type": "text", "text": "I refund."}, call]}]
    _, response = to_model_messages(given)
    assert isinstance(response, ModelResponse)
    assert (response.text, response.tool_calls) == ("I refund.", [])
    [*_, kept] = to_model_messages(given, ["c1"])
    assert isinstance(kept, ModelResponse)
    assert [call.tool_call_id for call in kept.tool_calls] == ["c1"]
    alone: list[Any] = [asked, {"role": "assistant", "parts": [call]}]
    assert [type(message) for message in to_model_messages(alone)] == [ModelRequest]
