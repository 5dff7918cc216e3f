"""A call's arguments: one JSON object, each value under the name of its parameter."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypedDict

import msgspec
from msgspec import Raw

from perdure.codec.node import MAX_DEPTH, to_json
from perdure.codec.plain import MARK, are_plain, decoder_of
from perdure.codec.value import decode, encode_error, encoded
from perdure.codec.writer import write
from perdure.errors import DecodeError

_AT = "arguments"
_by_name = msgspec.json.Decoder(dict[str, Raw]).decode


def encode_arguments(values: Mapping[str, object]) -> bytes:
    """Raises: EncodeError, whose path begins with the argument's name (or is `arguments` where all are too large)."""
    return encoded(values, _AT, _written, plain=are_plain(values.values(), MAX_DEPTH))


def _written(values: Mapping[str, object], at: str) -> bytes:
    """Each by itself: what can't be recorded is named."""
    nodes: dict[str, Any] = {}
    for name, value in values.items():
        try:
            nodes[name] = write(value)
        except Exception as error:
            raise encode_error(error, name) from None
    return to_json(nodes)


def decode_arguments(data: bytes | Raw, types: Mapping[str, Any]) -> dict[str, Any]:
    """By name; those without a type as Any. Raises: DecodeError, whose path begins with the argument's name."""
    recorded = bytes(data)
    try:
        by_name = _by_name(recorded)
    except (ValueError, RecursionError) as error:
        raise DecodeError(_AT, f"they are no JSON object by name ({error})") from None
    if MARK not in recorded:
        try:
            plain = _plain_decoder_of(tuple(types.items()))(recorded)
            if len(plain) == len(by_name):
                return plain
        except (TypeError, ValueError, RecursionError):
            pass  # an unhashable annotation, or a misfit: what follows finds it again, with its place
    return {name: decode(value, types.get(name, Any), name) for name, value in by_name.items()}


@lru_cache(maxsize=4096)
def _plain_decoder_of(types: tuple[tuple[str, Any], ...]) -> Callable[[bytes], dict[str, Any]]:
    """It leaves out arguments whose type isn't made of JSON's own, and those that have none."""
    plain = {name: type_ for name, type_ in types if decoder_of(type_) is not None}
    typed: Any = TypedDict("typed", plain, total=False)  # pyright: ignore[reportArgumentType]
    return msgspec.json.Decoder(typed).decode
