"""What a chat client sends: its messages, as text that is JSON, whatever it calls it."""

from dataclasses import dataclass
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Receive, Scope

from perdure.chat.message import UIMessage, misfit
from perdure.chat.session import SESSION_BYTES_MAX
from perdure.http.body import ClientGone, Limits, read_json
from perdure.http.problem import Problem

CHAT_LIMITS = Limits(body_bytes=8 * 1024 * 1024, keys=200_000)
"""The client owns the history, and sends all of it each time, its files too."""


@dataclass(frozen=True)
class Sent:
    """`session`: what the client calls the chat, where it says so."""

    messages: list[UIMessage]
    session: str | None


async def chat_messages(request: Request) -> list[UIMessage]:
    """The messages in a request's body, for a route of your own: they look like messages, and no more is known of them.

    Raises: HTTPException (400, 408, 413, 415, 422; a client that has hung up is a 400 that nobody reads).
    """
    try:
        return (await read_chat(request.scope, request.receive)).messages
    except Problem as problem:
        raise HTTPException(problem.status, problem.detail, problem.headers) from None
    except ClientGone:
        raise HTTPException(400, "the client has hung up") from None


async def read_chat(scope: Scope, receive: Receive) -> Sent:
    """Raises: Problem (400, 408, 413, 415, 422), ClientGone."""
    body = await read_json(scope, receive, limits=CHAT_LIMITS)
    if not isinstance(body, dict):
        raise Problem(422, 'a chat is sent as an object: {"messages": […]}', kind="messages-invalid")
    sent = cast(dict[str, Any], body)
    wrong = misfit(sent.get("messages"))
    if wrong is not None:
        raise Problem(422, f"{wrong[0]}: {wrong[1]}", kind="messages-invalid", path=wrong[0])
    session: object = sent.get("session", sent.get("id"))
    if session is not None and not (isinstance(session, str) and 0 < len(session.encode()) <= SESSION_BYTES_MAX):
        raise Problem(
            422, f"session: a text of 1 to {SESSION_BYTES_MAX} bytes", kind="messages-invalid", path="session"
        )
    return Sent(sent["messages"], session)
