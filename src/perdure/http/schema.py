"""The pieces of which an OpenAPI document is made: JSON Schemas, parameters, answers; and those that many routes have."""

from collections.abc import Sequence
from typing import Any

from perdure.http.problem import MEDIA_TYPE

Operation = dict[str, Any]
Entry = tuple[str, str, str, Operation]
"""The route's name, path and method, and what it does."""
TEXT: Operation = {"type": "string"}
MOMENT: Operation = {"type": ["string", "null"], "format": "date-time"}
STATUS: Operation = {"enum": ["pending", "running", "completed", "failed", "cancelled", "blocked"]}


def object_of(properties: dict[str, Any], required: Sequence[str] | None = None) -> Operation:
    """`required` None: all of them are."""
    needed = list(properties if required is None else required)
    return {"type": "object", "properties": properties, "required": needed}


def parameter(place: str, name: str, about: str, schema: Operation = TEXT) -> Operation:
    return {"in": place, "name": name, "description": about, "schema": schema, "required": place == "path"}


def header(about: str, schema: Operation = TEXT) -> Operation:
    return {"description": about, "schema": schema}


def reference(name: str) -> Operation:
    return {"$ref": f"#/components/schemas/{name}"}


def json_of(schema: Operation) -> Operation:
    return {"application/json": {"schema": schema}}


def refusals(*statuses: int) -> Operation:
    content = {MEDIA_TYPE: {"schema": reference("Problem")}}
    return {str(status): {"description": REFUSALS[status], "content": content} for status in sorted(statuses)}


def answer_of(status: int, about: str, content: Operation, headers: Operation | None = None) -> Operation:
    told = {"description": about, "content": content}
    return {str(status): told if headers is None else {**told, "headers": headers}}


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

KEY = parameter("header", "Idempotency-Key", "a repetition with the same key has no effect of its own")
START = parameter("query", "startIndex", "the first chunk; negative: from the tail", {"type": "integer"})
STREAM_HEADERS: Operation = {
    "x-workflow-run-id": header("whose stream it is"),
    "x-workflow-stream-tail-index": header("the last index as the answer began; -1: empty", {"type": "integer"}),
    "x-workflow-stream-closed": header("whether nothing came behind that", {"enum": ["true", "false"]}),
}
CANCEL = object_of({"reason": {"type": ["string", "null"]}, "grace": {"type": ["string", "number", "null"]}}, ())
ACCEPTED = object_of({"runId": TEXT, "accepted": {"type": "boolean"}})
