"""What isn't shown of data: the values of fields whose names say that they are secret.

Names are compared without case, `_`, `-` and spaces. PERDURE_REDACT, names with commas between them, adds to those here.
Only what people look at is redacted: the log, and what code reads, has all.
"""

import os
import re
from functools import lru_cache
from typing import Any, cast

from perdure.core.hook import TOKEN_CHARACTERS

REDACTED = "[redacted]"
VARIABLE = "PERDURE_REDACT"
"""Names of fields, with commas between them, whose values people aren't shown either: `iban,tax_id`."""
PARTS = (
    "password", "passwd", "passphrase", "secret", "authorization", "cookie", "credential", "apikey", "privatekey",
    "accesskey",
)  # fmt: skip
"""A name that holds one of these is secret."""
ENDS = ("token",)
"""So is one that ends so: `access_token`, not `max_tokens`."""
WHOLE = ("pwd", "jwt", "cvv", "cvc")
_RANDOM = re.compile(r"[A-Za-z0-9_-]{32}")
_PLAIN = str.maketrans("", "", "_- .")


def redacted(value: Any) -> Any:
    """The JSON value with what is secret in it replaced by `REDACTED`; None, true and false are left.

    Headers are often pairs: a list of two, of which the first names the second, counts as a field too.
    """
    added = _added(os.environ.get(VARIABLE, ""))
    return _redacted(value, added)


def redacted_facts(data: dict[str, Any]) -> dict[str, Any]:
    """The same of an event's data, whose own fields are the log's and not the user's: a hook has a token."""
    return {
        name: redacted_facts(cast(dict[str, Any], held)) if name in ("hook", "webhook") and held else redacted(held)
        for name, held in data.items()
    }


def masked(value: Any) -> Any:
    """JSON of the inspector's own for who may look but not act: of random tokens, which resume hooks, the beginning."""
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return {name: _masked_token(held) if name == "token" else masked(held) for name, held in fields.items()}
    return [masked(item) for item in cast(list[Any], value)] if isinstance(value, list) else value


def _masked_token(token: Any) -> Any:
    is_random = isinstance(token, str) and _RANDOM.fullmatch(token) is not None
    return f"{token[:TOKEN_CHARACTERS]}…" if is_random else token


def _redacted(value: Any, added: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        return {name: _field(name, held, added) for name, held in fields.items()}
    if isinstance(value, list):
        items = cast(list[Any], value)
        if len(items) == 2 and isinstance(items[0], str):
            return [items[0], _field(items[0], items[1], added)]
        return [_redacted(item, added) for item in items]
    return value


def _field(name: str, value: Any, added: tuple[str, ...]) -> Any:
    if value is None or isinstance(value, bool) or not _is_secret(name, added):
        return _redacted(value, added)
    return REDACTED


@lru_cache(4096)
def _is_secret(name: str, added: tuple[str, ...]) -> bool:
    plain = name.casefold().translate(_PLAIN)
    return plain in WHOLE or plain.endswith(ENDS) or any(part in plain for part in (*PARTS, *added))


@lru_cache(16)
def _added(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (name.casefold().translate(_PLAIN) for name in text.split(","))))
