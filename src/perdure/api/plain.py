"""Values as plain JSON, for whoever knows nothing of perdure: an object's fields, a moment's text, no tags, one line."""

import json
from datetime import datetime
from typing import Any, cast

import msgspec

from perdure.codec.value import decode, encode
from perdure.errors import PerdureError


def plain_json(value: Any) -> Any:
    """What JSON has for a value; of what it has no word for, what would be recorded. Raises: EncodeError."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        return [plain_json(item) for item in cast(tuple[Any, ...], value)]
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_as_recorded)


def plain_value(recorded: bytes) -> Any:
    """The same of a recorded value; where it can't be read here (a newer version's, say) as it was recorded: looking must
    not fail."""
    try:
        return plain_json(decode(recorded))
    except (PerdureError, TypeError, ValueError):
        return msgspec.json.decode(recorded)


def json_line(value: Any) -> str:
    """On one line."""
    try:
        return msgspec.json.encode(value).decode()
    except (OverflowError, UnicodeEncodeError):  # numbers past 64 bits, and half of a surrogate pair
        return json.dumps(value, separators=(",", ":"))


def _as_recorded(value: Any) -> Any:
    return msgspec.json.decode(encode(value, "result"))
