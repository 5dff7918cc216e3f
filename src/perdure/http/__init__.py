"""perdure over HTTP: `wrap` for an app; `stream_response`, `chat_response`, `chat_messages` and `chat_history` for routes of
its own."""

from perdure.chat.history import ChatHistory, StoredMessage, chat_history
from perdure.http.authorization import Action, Authorize, Target, loopback, with_token
from perdure.http.chat.message import chat_messages
from perdure.http.chat.stream import chat_response
from perdure.http.openapi import openapi
from perdure.http.stream import stream_response
from perdure.http.wrap import wrap

__all__ = [
    "Action",
    "Authorize",
    "ChatHistory",
    "StoredMessage",
    "Target",
    "chat_history",
    "chat_messages",
    "chat_response",
    "loopback",
    "openapi",
    "stream_response",
    "with_token",
    "wrap",
]
