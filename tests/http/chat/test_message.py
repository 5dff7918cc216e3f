"""What a client sends to a chat, and what is no such thing."""

import json
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from perdure.http import chat_messages
from perdure.http.body import ClientGone
from perdure.http.chat.message import read_chat
from perdure.http.problem import Problem
from tests.http.asgi import scope_of
from tests.http.chat.flows import message

pytestmark = pytest.mark.anyio
MESSAGES = [message("hi")]


def sent(body: bytes, **headers: str) -> tuple[Any, Any]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return scope_of(
        "/", method="POST", headers={name.replace("_", "-"): value for name, value in headers.items()}
    ), receive


@pytest.mark.parametrize("kind", ["text/plain;charset=UTF-8", "application/json", ""])
@pytest.mark.parametrize(
    ("more", "session"), [({}, None), ({"session": "s"}, "s"), ({"id": "c", "trigger": "submit-message"}, "c")]
)
async def test_messages_and_a_session(kind: str, more: Any, session: str | None) -> None:
    """The clients send text, and say no more than that."""
    found = await read_chat(*sent(json.dumps({"messages": MESSAGES, **more}).encode(), content_type=kind))
    assert (found.messages, found.session) == (MESSAGES, session)


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"", 422, None),
        (b"[]", 422, None),
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b"{}", 422, "messages"),
        (b'{"messages": []}', 422, "messages"),
        (b'{"messages": [{"role": "system", "parts": []}]}', 422, "messages[0].role"),
        (json.dumps({"messages": MESSAGES, "session": 5}).encode(), 422, "session"),
        (json.dumps({"messages": MESSAGES, "session": "x" * 257}).encode(), 422, "session"),
        (json.dumps({"messages": MESSAGES, "session": ""}).encode(), 422, "session"),
    ],
)
async def test_what_is_no_chat(body: bytes, status: int, path: str | None) -> None:
    with pytest.raises(Problem) as caught:
        await read_chat(*sent(body))
    assert (caught.value.status, caught.value.path) == (status, path)
    scope, receive = sent(body)
    with pytest.raises(HTTPException) as raised:
        await chat_messages(Request(scope, receive))
    assert raised.value.status_code == status


async def test_a_page_of_another_site_sends_json() -> None:
    """Text it could send without asking, cookies and all."""
    body = json.dumps({"messages": MESSAGES}).encode()
    with pytest.raises(Problem) as caught:
        await read_chat(*sent(body, content_type="text/plain", origin="https://other.example"))
    assert caught.value.status == 415
    scope, receive = sent(body, content_type="application/json", origin="https://other.example")
    assert await chat_messages(Request(scope, receive)) == MESSAGES


async def test_a_client_that_has_hung_up() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientGone):
        await read_chat(scope_of("/", method="POST"), receive)
    with pytest.raises(HTTPException):
        await chat_messages(Request(scope_of("/", method="POST"), receive))
