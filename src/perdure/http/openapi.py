"""The OpenAPI 3.1 document of the routes that are named: https://spec.openapis.org/oas/v3.1.0."""

from collections.abc import Sequence
from typing import Any

from perdure.api.webhook import ROUTE
from perdure.http.frame import NDJSON, SSE
from perdure.http.problem import MEDIA_TYPE

Operation = dict[str, Any]
TEXT: Operation = {"type": "string"}
MOMENT: Operation = {"type": ["string", "null"], "format": "date-time"}
STATUS: Operation = {"enum": ["pending", "running", "completed", "failed", "cancelled", "blocked"]}


def openapi(routes: Sequence[str], prefix: str = "") -> dict[str, Any]:
    """The document, as JSON has it. A name that isn't a route adds nothing."""
    paths: dict[str, Any] = {}
    for name, path, method, operation in OPERATIONS:
        if name in routes:
            paths.setdefault(path if name == "webhook" else prefix + path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "perdure", "version": "1"},
        "paths": paths,
        "components": {"schemas": {"Run": RUN, "Problem": PROBLEM}},
    }


def _object(properties: dict[str, Any], required: Sequence[str] = ()) -> Operation:
    return {"type": "object", "properties": properties, "required": list(required) or list(properties)}


def _in(place: str, name: str, about: str, schema: Operation = TEXT) -> Operation:
    return {"in": place, "name": name, "description": about, "schema": schema, "required": place == "path"}


def _json(schema: Operation) -> Operation:
    return {"application/json": {"schema": schema}}


def _refusals(*statuses: int) -> Operation:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": REFUSALS[status], "content": content} for status in sorted(statuses)}


def _answer(status: int, about: str, content: Operation) -> Operation:
    return {str(status): {"description": about, "content": content}}


REFUSALS = {
    400: "the JSON or a value of the query is malformed",
    401: "credentials are missing",
    403: "refused",
    404: "there is no such thing",
    408: "the body came too slowly",
    409: "the Idempotency-Key was used otherwise",
    413: "the body is too large",
    415: "the body is compressed, or a form of another site",
    422: "what was sent doesn't fit; `path` says where",
    429: "too many unknown tokens from this address",
    503: "the world can't be reached, or the server goes down",
}
PROBLEM = _object(
    {"type": TEXT, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "path": TEXT},
    ("type", "title", "status", "detail"),
)
ERROR = _object({"type": TEXT, "message": TEXT, "traceback": {"type": "null"}})
RUN = _object(
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
            "items": _object({"kind": TEXT, "key": TEXT, "since": MOMENT, "until": MOMENT, "detail": TEXT}),
        },
        "result": {"description": "where the run has completed: what its workflow returned"},
        "error": ERROR,
    },
    ("runId", "workflow", "status", "createdAt", "waitingFor"),
)
KEY = _in("header", "Idempotency-Key", "a repetition with the same key has no effect of its own")
RUN_ID = _in("path", "runId", "wrun_ and 26 letters and digits")
CHUNKS: Operation = {NDJSON: {"schema": {}}, SSE: {"schema": TEXT}}

OPERATIONS: tuple[tuple[str, str, str, Operation], ...] = (
    (
        "runs",
        "/workflows/{name}/runs",
        "post",
        {
            "summary": "Start a run of a workflow",
            "parameters": [_in("path", "name", "the workflow's name, or an end of it that only one has"), KEY],
            "requestBody": {"content": _json({"type": "object", "description": "the arguments, by name"})},
            "responses": _answer(202, "it is durable", _json(_object({"runId": TEXT, "status": STATUS})))
            | _refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 503),
        },
    ),
    (
        "runs",
        "/runs/{runId}",
        "get",
        {
            "summary": "Where a run stands",
            "parameters": [RUN_ID],
            "responses": _answer(200, "the run", _json({"$ref": "#/components/schemas/Run"}))
            | _refusals(401, 403, 404, 503),
        },
    ),
    (
        "runs",
        "/runs/{runId}/cancel",
        "post",
        {
            "summary": "Ask a run to end",
            "parameters": [RUN_ID],
            "requestBody": {"content": _json(_object({"reason": TEXT, "grace": TEXT}, ("reason",)))},
            "responses": _answer(
                202, "it will, or had before", _json(_object({"runId": TEXT, "accepted": {"type": "boolean"}}))
            )
            | _refusals(400, 401, 403, 404, 408, 413, 415, 422, 503),
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
                _in("query", "startIndex", "the first chunk; negative: from the tail", {"type": "integer"}),
                _in("query", "namespace", "which of the run's streams; the default one has none"),
                _in("header", "Last-Event-ID", "the index of the last chunk that was read; counts before startIndex"),
            ],
            "responses": _answer(200, "chunks as they come, until the stream is closed", CHUNKS)
            | {"204": {"description": "nothing is left of a closed stream (events only)"}}
            | _refusals(400, 401, 403, 404, 503),
        },
    ),
    (
        "hooks",
        "/hooks/{token}",
        "post",
        {
            "summary": "Send a payload to a hook",
            "parameters": [_in("path", "token", "the hook's token"), KEY],
            "requestBody": {"content": _json({"description": "the payload"})},
            "responses": _answer(202, "it is accepted", _json(_object({"runId": TEXT, "hookId": TEXT})))
            | _refusals(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503),
        },
    ),
    (
        "webhook",
        ROUTE + "{token}",
        "post",
        {
            "summary": "Call a webhook; any method will do",
            "parameters": [_in("path", "token", "the webhook's token")],
            "responses": {"default": {"description": "what its workflow answers; 202 where it says nothing"}}
            | _refusals(401, 408, 413, 415, 429, 503)
            | {"404": {"description": "there is no such webhook"}, "504": {"description": "the run did not answer"}},
        },
    ),
    (
        "health",
        "/health",
        "get",
        {
            "summary": "Whether this process can do its work",
            "responses": _answer(200, "it can", _json({"type": "object"}))
            | _answer(503, "it can't", _json({"type": "object"})),
        },
    ),
)
