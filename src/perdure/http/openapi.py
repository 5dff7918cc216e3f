"""The OpenAPI 3.1 document of the routes that are named: https://spec.openapis.org/oas/v3.1.0."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from perdure.api.webhook import ROUTE
from perdure.http.chat.openapi import CHAT, SCHEMAS
from perdure.http.frame import NDJSON, SSE
from perdure.http.inspector.openapi import INSPECTOR
from perdure.http.schema import (
    ACCEPTED,
    CANCEL,
    KEY,
    MOMENT,
    START,
    STATUS,
    STREAM_HEADERS,
    TEXT,
    Entry,
    Operation,
    answer_of,
    json_of,
    object_of,
    parameter,
    reference,
    refusals,
)


def openapi(routes: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes of `wrap`, with their `prefix`, to be merged into your own, say. `chat`
    stands for the routes of one, with a schema of every chunk. A name that isn't a route adds nothing."""
    paths: dict[str, Any] = {}
    for name, path, method, operation in (*OPERATIONS, *CHAT, *INSPECTOR):
        if name in routes:
            paths.setdefault(path if name == "webhook" else prefix + path, {})[method] = operation
    schemas = {"Run": RUN, "Problem": PROBLEM, **(SCHEMAS if "chat" in routes else {})}
    return {
        "openapi": "3.1.0",
        "info": {"title": "perdure", "version": "1"},
        "paths": deepcopy(paths),
        "components": {"schemas": deepcopy(schemas)},
    }


PROBLEM = object_of(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "path": TEXT},
    ("type", "title", "status", "detail"),
)
ERROR = object_of({"type": TEXT, "message": TEXT, "traceback": {"type": "null"}})
RUN = object_of(
    {
        "runId": TEXT,
        "workflow": TEXT,
        "status": STATUS,
        "createdAt": MOMENT,
        "startedAt": MOMENT,
        "completedAt": MOMENT,
        "durationMs": {"type": ["integer", "null"]},
        "attributes": {"type": "object", "additionalProperties": TEXT},
        "parentId": {"type": ["string", "null"]},
        "reason": {"type": ["string", "null"]},
        "waitingFor": {
            "type": "array",
            "items": object_of({"kind": TEXT, "key": TEXT, "since": MOMENT, "until": MOMENT, "detail": TEXT}),
        },
        "result": {"description": "where the run has completed: what its workflow returned"},
        "error": ERROR,
    },
    ("runId", "workflow", "status", "createdAt", "waitingFor"),
)
RUN_ID = parameter("path", "runId", "wrun_ and 26 letters and digits")
CHUNKS: Operation = {NDJSON: {"schema": {}}, SSE: {"schema": TEXT}}

OPERATIONS: tuple[Entry, ...] = (
    (
        "runs",
        "/workflows/{name}/runs",
        "post",
        {
            "summary": "Start a run of a workflow",
            "parameters": [parameter("path", "name", "the workflow's name, or an end of it that only one has"), KEY],
            "requestBody": {"content": json_of({"type": "object", "description": "the arguments, by name"})},
            "responses": answer_of(202, "it is durable", json_of(object_of({"runId": TEXT, "status": STATUS})))
            | refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
        },
    ),
    (
        "runs",
        "/runs/{runId}",
        "get",
        {
            "summary": "Where a run stands",
            "parameters": [RUN_ID],
            "responses": answer_of(200, "the run", json_of(reference("Run"))) | refusals(401, 403, 404, 503),
        },
    ),
    (
        "runs",
        "/runs/{runId}/cancel",
        "post",
        {
            "summary": "Ask a run to end",
            "parameters": [RUN_ID],
            "requestBody": {"content": json_of(CANCEL)},
            "responses": answer_of(202, "it will, or had before", json_of(ACCEPTED))
            | refusals(400, 401, 403, 404, 408, 413, 415, 422, 503),
        },
    ),
    (
        "streams",
        "/runs/{runId}/stream",
        "get",
        {
            "summary": "Follow a stream of a run",
            "parameters": [
                RUN_ID,
                START,
                parameter("query", "namespace", "which of the run's streams; the default one has none"),
                parameter(
                    "header", "Last-Event-ID", "the index of the last chunk that was read; counts before startIndex"
                ),
            ],
            "responses": answer_of(200, "chunks as they come, until the stream is closed", CHUNKS, STREAM_HEADERS)
            | {"204": {"description": "nothing is left of a closed stream (events only)", "headers": STREAM_HEADERS}}
            | refusals(400, 401, 403, 404, 503),
        },
    ),
    (
        "hooks",
        "/hooks/{token}",
        "post",
        {
            "summary": "Send a payload to a hook",
            "parameters": [parameter("path", "token", "the hook's token"), KEY],
            "requestBody": {"content": json_of({"description": "the payload"})},
            "responses": answer_of(202, "it is accepted", json_of(object_of({"runId": TEXT, "hookId": TEXT})))
            | refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
        },
    ),
    (
        "webhook",
        ROUTE + "{token}",
        "post",
        {
            "summary": "Call a webhook; any method will do",
            "parameters": [parameter("path", "token", "the webhook's token")],
            "responses": {"default": {"description": "what its workflow answers; 202 where it says nothing"}}
            | refusals(401, 408, 413, 415, 429, 503)
            | {"404": {"description": "there is no such webhook"}, "504": {"description": "the run did not answer"}},
        },
    ),
    (
        "health",
        "/health",
        "get",
        {
            "summary": "Whether this process can do its work",
            "responses": answer_of(200, "it can", json_of({"type": "object"}))
            | answer_of(503, "it can't", json_of({"type": "object"})),
        },
    ),
)
