"""What may be a chat's messages: the path of what isn't, and why."""

from typing import Any

import pytest

from perdure.chat.message import misfit

TEXT = {"type": "text", "text": "hi"}


def message(**fields: Any) -> dict[str, Any]:
    return {"id": "m", "role": "user", "parts": [TEXT], **fields}


@pytest.mark.parametrize(
    "messages",
    [
        [message()],
        [message(metadata=None), message(role="assistant", parts=[{"type": "step-start"}, TEXT])],
        [message(parts=[{"type": "tool-look", "toolCallId": "c", "state": "input-available", "input": None}])],
        [message(parts=[{"type": "file", "mediaType": "image/png", "url": "data:image/png;base64,"}])],
        [message(parts=[{"type": "data-x", "data": 1}, {"type": "what-ever-comes"}])],
    ],
)
def test_messages(messages: object) -> None:
    assert misfit(messages) is None


@pytest.mark.parametrize(
    ("messages", "path", "reason"),
    [
        (None, "messages", "it is a list"),
        ({}, "messages", "it is a list"),
        ([], "messages", "it is empty: there is nothing to answer"),
        ([message(), 5], "messages[1]", "a message is an object"),
        ([message(id=5)], "messages[0].id", "it is a text"),
        ([message(role="system")], "messages[0].role", "it is user or assistant: instructions are the server's"),
        ([message(role=None)], "messages[0].role", "it is user or assistant: instructions are the server's"),
        ([message(parts="hi")], "messages[0].parts", "it is a list"),
        ([message(parts=["hi"])], "messages[0].parts[0]", "a part is an object with a type"),
        ([message(parts=[TEXT, {"type": "text"}])], "messages[0].parts[1]", "a text part needs the text text"),
        ([message(parts=[{"type": "tool-x"}])], "messages[0].parts[0]", "a tool-x part needs the text toolCallId"),
        (
            [message(parts=[{"type": "file", "mediaType": "image/png", "url": "s3://bucket/secret.png"}])],
            "messages[0].parts[0]",
            "a file's url begins with data:, https:// or http://",
        ),
    ],
)
def test_what_is_none(messages: object, path: str, reason: str) -> None:
    assert misfit(messages) == (path, reason)
