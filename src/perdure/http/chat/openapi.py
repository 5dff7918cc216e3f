"""The chat's part of the OpenAPI document. What a chunk is, the one table of them says."""

from typing import Any

from perdure.chat.chunk import FINISH_REASONS, OLDEST, TABLE, Field
from perdure.chat.message import ROLES
from perdure.chat.session import SESSION_BYTES_MAX
from perdure.http.frame import SSE
from perdure.http.schema import (
    ACCEPTED,
    CANCEL,
    KEY,
    START,
    STREAM_HEADERS,
    TEXT,
    Entry,
    Operation,
    answer_of,
    header,
    json_of,
    object_of,
    parameter,
    reference,
    refusals,
)

ANSWER = parameter("path", "answer", "an answer's id, as x-workflow-run-id tells it, a run's, or a session's name")
VERSION = (
    parameter("header", "x-ai-sdk-version", f"the client's version of npm ai; {OLDEST} where nothing is said"),
    parameter("query", "ai", "the same, where the header isn't there"),
)
LISTED: Operation = {"type": "array", "items": reference("UIMessage")}
SENT = object_of(
    {
        "messages": {**LISTED, "minItems": 1},
        "session": {
            "type": "string",
            "minLength": 1,
            "maxLength": SESSION_BYTES_MAX,
            "description": "what the client calls the chat; needed in one of many turns",
        },
        "id": {"type": "string", "description": "stands for `session` where that isn't there"},
    },
    ("messages",),
)
DECISION: Operation = {
    **object_of(
        {
            "approvalId": {"type": "string", "minLength": 1},
            "approved": {"type": "boolean"},
            "reason": {"type": ["string", "null"], "description": "is told to the model where it is a refusal"},
        },
        ("approvalId", "approved"),
    ),
    "additionalProperties": False,
}
EVENTS: Operation = {
    "type": "string",
    "description": "an event for each chunk, which is its data; the last event's data is [DONE]",
    "contentMediaType": "application/json",
    "contentSchema": reference("UIMessageChunk"),
}


def _events(about: str) -> Operation:
    headers = {**STREAM_HEADERS, "x-vercel-ai-ui-message-stream": header("the protocol's version", {"const": "v1"})}
    return answer_of(200, about, {SSE: {"schema": EVENTS}}, headers)


def _kind(field: Field) -> Operation:
    if field.name == "finishReason":
        return {"enum": sorted(FINISH_REASONS)}
    return {bool: {"type": "boolean"}, str: TEXT, dict: {"type": "object"}, object: {}}[field.kind]


def _chunk(name: str, fields: tuple[Field, ...]) -> Operation:
    kind: Operation = {"type": "string", "pattern": "^data-"} if name == "data-*" else {"const": name}
    required = ("type", *(field.name for field in fields if field.required))
    return object_of({"type": kind, **{field.name: _kind(field) for field in fields}}, required)


SCHEMAS: dict[str, Any] = {
    "UIMessage": object_of(
        {
            "id": TEXT,
            "role": {"enum": [*ROLES]},
            "parts": {"type": "array", "items": object_of({"type": TEXT})},
        },
        ("role", "parts"),
    ),
    "UIMessageChunk": {"oneOf": [_chunk(name, fields) for name, fields in TABLE.items()]},
}

CHAT: tuple[Entry, ...] = (
    (
        "chat",
        "/api/chat",
        "post",
        {
            "summary": "Send messages, and get the answer to the last as it comes",
            "parameters": [*VERSION, KEY],
            "requestBody": {
                "description": "JSON, whatever its content type says; of a page of another site application/json",
                "required": True,
                "content": json_of(SENT),
            },
            "responses": _events("the answer; its id is in x-workflow-run-id")
            | refusals(400, 401, 403, 408, 409, 413, 415, 422, 503),
        },
    ),
    (
        "chat",
        "/api/chat/{answer}/stream",
        "get",
        {
            "summary": "Go on with an answer",
            "parameters": [ANSWER, START, *VERSION],
            "responses": _events("the answer from there on; negative indexes go back to a start-step")
            | refusals(400, 401, 403, 404, 503),
        },
    ),
    (
        "chat",
        "/api/chat/{answer}/messages",
        "get",
        {
            "summary": "What was said in a session, or by one run",
            "parameters": [ANSWER],
            "responses": answer_of(
                200,
                "what a page begins with; `resume` is the id of the answer that is under way, if one is",
                json_of(object_of({"messages": LISTED, "resume": {"type": ["string", "null"]}, "queued": LISTED})),
            )
            | refusals(401, 403, 404, 503),
        },
    ),
    (
        "chat",
        "/api/chat/{answer}/cancel",
        "post",
        {
            "summary": "Stop an answer",
            "parameters": [ANSWER],
            "requestBody": {"content": json_of(CANCEL)},
            "responses": answer_of(202, "it will end, or had before", json_of(ACCEPTED))
            | refusals(400, 401, 403, 404, 408, 413, 415, 422, 503),
        },
    ),
    (
        "chat",
        "/api/chat/{answer}/end",
        "post",
        {
            "summary": "End a chat of many turns, once all is answered",
            "parameters": [ANSWER],
            "responses": answer_of(202, "it will end, or had before", json_of(ACCEPTED))
            | refusals(401, 403, 404, 409, 503),
        },
    ),
    (
        "chat",
        "/api/chat/{answer}/approvals",
        "post",
        {
            "summary": "Decide on a tool call that waits",
            "parameters": [ANSWER],
            "requestBody": {"required": True, "content": json_of(DECISION)},
            "responses": answer_of(202, "it is decided", json_of(object_of({"runId": TEXT, "approvalId": TEXT})))
            | refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
        },
    ),
)
