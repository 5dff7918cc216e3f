"""What an error is over HTTP: RFC 9457 problem documents, and the one table from exceptions to statuses.

The sentences are the errors' own, where they are for whoever asked. Of the World's troubles and of ours a client learns
the status alone: their sentences go to the log.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from perdure.errors import (
    ArgumentsInvalid,
    AttributeInvalid,
    DurationInvalid,
    EncodeError,
    HookNotFound,
    PayloadConflict,
    PayloadInvalid,
    PayloadLocked,
    RunNotFound,
    StartConflict,
    UsageError,
    WorkflowNotRegistered,
    WorldError,
    WorldFull,
)
from perdure.http.answer import GUARDS
from perdure.inspector.reference import StepNotFound

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An answer that isn't what was asked for. `kind` names the sort of problem; `path` where in the input it lies."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        kind: str | None = None,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.detail, self.kind, self.path = status, detail, kind, path
        self.headers = dict(headers or {})
        super().__init__(f"{status} {detail}")

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        document: dict[str, Any] = {
            "type": f"urn:perdure:{self.kind}" if self.kind else "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.path is not None:
            document["path"] = self.path
        return document

    def response(self) -> Response:
        body = msgspec.json.encode(self.document())
        return Response(body, self.status, headers={**GUARDS, **self.headers}, media_type=MEDIA_TYPE)


LOCKED = "it is sealed with a key that isn't here"
Row = tuple[type[Exception], int, str, str | None]

TABLE: tuple[Row, ...] = (
    (RunNotFound, 404, "run-not-found", "there is no such run"),
    (HookNotFound, 404, "hook-not-found", ""),
    (StepNotFound, 404, "step-not-found", "there is no such step"),
    (WorkflowNotRegistered, 404, "workflow-not-registered", "no workflow has this name"),
    (StartConflict, 409, "start-conflict", "the Idempotency-Key was used with other arguments or another workflow"),
    (PayloadConflict, 409, "payload-conflict", "the Idempotency-Key was used with another payload"),
    (ArgumentsInvalid, 422, "arguments-invalid", None),
    (PayloadInvalid, 422, "payload-invalid", None),
    (EncodeError, 422, "value-invalid", None),
    (AttributeInvalid, 422, "value-invalid", None),
    (DurationInvalid, 422, "value-invalid", None),
    (PayloadLocked, 503, "payload-locked", LOCKED),
    (UsageError, 400, "usage", None),
    (WorldFull, 507, "world-full", "the place where runs are kept is full"),
    (WorldError, 503, "world-unavailable", "the place where runs are kept can't be reached"),
)
"""Exception, status, kind, and what is said: None, its own sentence. The first row that fits counts.

What names a run, a key's owner or a token is not repeated: whoever asks may not be meant to know."""


def problem_of(error: Exception) -> Problem | None:
    """What a client is told of an exception, a Problem as it is; None for one that isn't in the table: ours, a 500."""
    if isinstance(error, Problem):
        return error
    for exception, status, kind, said in TABLE:
        if isinstance(error, exception):
            detail = str(error) if said is None else said
            return Problem(status, detail, kind=kind, path=getattr(error, "path", None) if status == 422 else None)
    return None
