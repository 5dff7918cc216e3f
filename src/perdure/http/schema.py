"""The pieces of which an OpenAPI document is made: JSON Schemas, parameters, answers."""

from collections.abc import Sequence
from typing import Any

from perdure.http.problem import MEDIA_TYPE

Operation = dict[str, Any]
TEXT: Operation = {"type": "string"}
MOMENT: Operation = {"type": ["string", "null"], "format": "date-time"}
STATUS: Operation = {"enum": ["pending", "running", "completed", "failed", "cancelled", "blocked"]}


def object_of(properties: dict[str, Any], required: Sequence[str] = ()) -> Operation:
    return {"type": "object", "properties": properties, "required": list(required) or list(properties)}


def parameter(place: str, name: str, about: str, schema: Operation = TEXT) -> Operation:
    return {"in": place, "name": name, "description": about, "schema": schema, "required": place == "path"}


def json_of(schema: Operation) -> Operation:
    return {"application/json": {"schema": schema}}


def refusals(*statuses: int) -> Operation:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {str(status): {"description": REFUSALS[status], "content": content} for status in sorted(statuses)}


def answer_of(status: int, about: str, content: Operation) -> Operation:
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
