"""Durations and moments as people write them, turned into milliseconds.

A number counts seconds; a text is numbers with units (`"1h30m"`, `"1.5s"`, `"500ms"`); a timedelta is itself; a datetime
must carry a time zone, since a naive one names another moment on every machine.
"""

import re
from datetime import datetime, timedelta
from math import ceil, isfinite

from perdure.errors import DurationInvalid

Duration = str | float | timedelta
"""What `sleep`, timeouts and retries take: seconds, a text with units, or a timedelta."""

_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")
MAX_MS = 100 * 366 * _UNIT_MS["d"]
UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"))
"""In ms, and their names in sentences."""


def duration_ms(value: Duration) -> int:
    """Milliseconds, rounded up. Raises: DurationInvalid if it is none, negative, or over a hundred years."""
    if isinstance(value, timedelta):
        milliseconds = value.total_seconds() * 1000
    elif isinstance(value, str):
        milliseconds = _text_ms(value)
    elif isinstance(value, bool) or not isinstance(value, int | float):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise DurationInvalid(value, f"it is of type {type(value).__name__}")
    else:
        milliseconds = value * 1000
    if isinstance(milliseconds, float) and not isfinite(milliseconds):  # an int may be beyond every float
        raise DurationInvalid(value, "it is not a finite number")
    if milliseconds < 0:
        raise DurationInvalid(value, "it is negative")
    if milliseconds > MAX_MS:
        raise DurationInvalid(value, "it is longer than a hundred years")
    return ceil(round(milliseconds, 6))


def moment_ms(value: Duration | datetime, now_ms: int) -> int:
    """The moment that `value` names, in milliseconds since the epoch: itself if a datetime, else `now_ms` plus it."""
    if not isinstance(value, datetime):
        return now_ms + duration_ms(value)
    if value.tzinfo is None or value.utcoffset() is None:
        raise DurationInvalid(value, "it is a datetime without a time zone")
    due_ms = ceil(round(value.timestamp() * 1000, 3))
    if due_ms > now_ms + MAX_MS:
        raise DurationInvalid(value, "it is more than a hundred years away")
    return due_ms


def in_one_unit(duration_ms: int) -> str:
    """As sentences have it, rounded down: `3 min`."""
    for unit_ms, name in UNITS:
        if duration_ms >= unit_ms:
            return f"{duration_ms // unit_ms} {name}"
    return "0 s"


def _text_ms(text: str) -> float:
    total, position, stripped = 0.0, 0, text.strip().lower()
    for part in _PART.finditer(stripped):
        if part.start() != position:
            break
        total += float(part[1]) * _UNIT_MS[part[2]]
        position = part.end()
    if not stripped or position != len(stripped):
        raise DurationInvalid(text, "its units are not ms, s, m, h, d or w after a number")
    return total
