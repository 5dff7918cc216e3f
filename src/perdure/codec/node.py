"""The JSON tree between values and bytes: what a tag looks like, and the limits of a payload.

A node is what msgspec's JSON reads and writes: None, bool, int, float, str, list, dict. A dict with the key `$` is
tagged: it stands for a value that JSON doesn't have. Which tags there are is said in `scalar`, `writer` and `reader`.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from perdure.codec.misfit import Misfit

MAX_BYTES = 16 * 1024 * 1024
"""The most that one encoded value may take. Larger things belong in a file or a bucket, their address in the log."""

MAX_DEPTH = 200
"""How many values may lie in each other. Python's own recursion, at 1,000 frames, must not be what stops us."""

TAG = "$"
_SHOWN_CHARACTERS = 80

Node = Any
Reader = Callable[[Any], Any]
"""From a node to a value. Raises: Misfit. It must leave the node as it is: a union reads one node several times."""

TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep: flatten it, or keep it elsewhere and record where it is"
ITSELF = "it lies within itself: perdure records trees, so record an id in place of the reference back"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()
to_json = _encoder.encode


def from_json(data: bytes) -> Node:
    """Raises: Misfit where the bytes are not JSON, or nested past what perdure writes."""
    try:
        return _decoder.decode(data)
    except RecursionError:
        raise Misfit(f"it is nested too deeply: perdure writes at most {MAX_DEPTH} levels") from None
    except ValueError as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        raise Misfit(f"it is not valid JSON ({error})") from None


def tag_of(node: Node) -> Any:
    """The tag of a tagged node, else None."""
    return node.get(TAG) if type(node) is dict else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def has_surrogate(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which UTF-8, and so JSON, can't carry."""
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def named(value: object) -> str:
    """What a value is, in a sentence: `None`, `a str`, `a sqlite3.Connection`."""
    if value is None:
        return "None"
    return a_class(type(value))


def a_class(cls: type) -> str:
    """`an int`, `a sqlite3.Connection`."""
    text = class_text(cls)
    return f"an {text}" if text[0] in "aeiou" else f"a {text}"


def class_text(cls: type) -> str:
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def name_in(node: Node) -> str:
    """The class's name in a tagged node; empty where there is none."""
    name = node.get("type")
    return name if isinstance(name, str) else ""


def shown(value: object) -> str:
    """A value in a sentence, cut where it is long."""
    try:
        text = repr(value)
    except Exception:  # a class's own __repr__
        text = f"<{type(value).__qualname__}>"
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
