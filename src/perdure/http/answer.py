"""Answers that went well: plain JSON, with the headers that every answer of ours has."""

from typing import Any

from starlette.responses import Response

from perdure.api.plain import json_line

GUARDS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
"""What an answer says of a run is out of date at once, and its type is never to be guessed at."""


def answered(value: Any, status: int = 200, *, location: str | None = None) -> Response:
    headers = GUARDS if location is None else {**GUARDS, "location": location}
    return Response(json_line(value), status, headers=headers, media_type="application/json")
