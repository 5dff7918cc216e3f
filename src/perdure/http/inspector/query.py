"""What the query of a request asks for. Parameters that nobody knows are left alone; values that are none are refused."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from starlette.requests import Request

from perdure.http.problem import Problem
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked

LIMIT_MAX = 1000
NUMBER_MAX = 2**53 - 1
"""The last whole number that every client of JSON has."""
T = TypeVar("T", bound=str)


def asked_of(request: Request, limit: int = 50) -> Asked:
    """`limit`, `cursor`, `withData`. Raises: Problem (400)."""
    return Asked(
        number_of(request, "limit", limit, 1, LIMIT_MAX),
        request.query_params.get("cursor"),
        flag_of(request, "withData"),
    )


def wanted_of(request: Request) -> Wanted:
    """`workflow`, `since`, `until`, `attr` (repeatable) and `q`. Raises: Problem (400)."""
    params = request.query_params
    return Wanted(
        workflow=params.get("workflow"),
        since=_moment_of(request, "since"),
        until=_moment_of(request, "until"),
        attributes=tuple(_pair(text) for text in params.getlist("attr")),
        q=params.get("q", ""),
    )


def choices_of(request: Request, name: str, known: Sequence[T]) -> tuple[T, ...]:
    """The values of a repeatable parameter. Raises: Problem (400)."""
    found: list[T] = []
    for text in request.query_params.getlist(name):
        if text not in known:
            raise misfit(name, text, f"there are {', '.join(known)}")
        found += [each for each in known if each == text]
    return tuple(dict.fromkeys(found))


def flag_of(request: Request, name: str) -> bool:
    """Raises: Problem (400)."""
    text = request.query_params.get(name, "false")
    if text not in ("true", "false"):
        raise misfit(name, text, "give true or false")
    return text == "true"


def number_of(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Raises: Problem (400)."""
    text = request.query_params.get(name, str(default))
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 16 and least <= int(text) <= most):
        raise misfit(name, text, f"give a whole number from {least} to {most}")
    return int(text)


def misfit(name: str, text: str, instead: str) -> Problem:
    """What a value of the query is, and what it has to be."""
    return Problem(400, f"{name}={text[:100]!r} is none: {instead}", kind="query-invalid", path=name)


def _moment_of(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise misfit(name, text, "give a time in ISO 8601, such as 2026-01-31T08:30:00Z") from None


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise misfit("attr", text, "give key=value")
    return key, value
