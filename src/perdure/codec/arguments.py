"""A call's arguments: one JSON object, each value under the name of its parameter."""

from collections.abc import Mapping
from typing import Any

import msgspec

from perdure.codec.node import MAX_DEPTH, to_json
from perdure.codec.plain import is_plain
from perdure.codec.value import decode, encode_error, within_limit
from perdure.codec.writer import write
from perdure.errors import DecodeError

_AT = "arguments"
_by_name = msgspec.json.Decoder(dict[str, msgspec.Raw])


def encode_arguments(values: Mapping[str, object]) -> bytes:
    """Raises: EncodeError, whose path begins with the argument's name (or is `arguments` where all are too large)."""
    if is_plain(values, MAX_DEPTH + 1):
        try:
            return within_limit(to_json(values), _AT)
        except UnicodeEncodeError:  # half of a surrogate pair in a text
            pass
    nodes: dict[str, Any] = {}
    for name, value in values.items():
        try:
            nodes[name] = write(value)
        except Exception as error:
            raise encode_error(error, name) from None
    return within_limit(to_json(nodes), _AT)


def decode_arguments(data: bytes | msgspec.Raw, types: Mapping[str, Any]) -> dict[str, Any]:
    """By name; those without a type as Any. Raises: DecodeError, whose path begins with the argument's name."""
    try:
        recorded = _by_name.decode(data)
    except (ValueError, RecursionError) as error:
        raise DecodeError(_AT, f"they are no JSON object by name ({error})") from None
    return {name: decode(value, types.get(name, Any), name) for name, value in recorded.items()}
