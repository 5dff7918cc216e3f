"""The fast way for what JSON has anyway: most payloads never see a tag.

Both ways must agree: what passes here is written and read as `writer` and `reader` would, only in C.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from perdure.codec.node import TAG
from perdure.codec.scalar import INT_LEAST, INT_MOST

MARK = b'"$"'
"""JSON that doesn't hold it has no dict with the key `$`: no tags. (Within a text its quotes would be escaped.)"""

_INTS = range(INT_LEAST, INT_MOST + 1)
_WORDS = frozenset((str, bool, NoneType))
_TEXT = frozenset((str,))
_TYPES = frozenset((Any, object, str, int, float, bool, None, NoneType, list, dict))


def is_plain(value: object, room: int) -> bool:
    """Whether JSON holds this value as it is, but for surrogates in its texts, which the encoder finds.

    `room`: how many values may lie in each other.
    """
    kind = type(value)
    if kind is int:
        return value in _INTS
    if kind in _WORDS:
        return True
    check = _CHECKS.get(kind)
    return check is not None and check(value, room)


def are_plain(values: Iterable[object], room: int) -> bool:
    """Whether `is_plain` is true of each."""
    for value in values:
        kind = type(value)
        if not (value in _INTS if kind is int else kind in _WORDS or is_plain(value, room)):
            return False
    return True


def _is_plain_dict(value: dict[Any, Any], room: int) -> bool:
    if room <= 0 or TAG in value or not _TEXT.issuperset(map(type, value)):
        return False
    return are_plain(value.values(), room - 1)


def _is_plain_list(value: list[Any], room: int) -> bool:
    return room > 0 and are_plain(value, room - 1)


_CHECKS: dict[type, Callable[[Any, int], bool]] = {
    float: lambda value, room: value - value == 0.0,  # neither nan nor infinite
    dict: _is_plain_dict,
    list: _is_plain_list,
}


@lru_cache(maxsize=4096)
def decoder_of(type_: Any) -> "msgspec.json.Decoder[Any] | None":
    """msgspec's decoder for a type made of JSON's own, else None. Where it objects, `reader` has the last word."""
    if not _is_plain_type(type_):
        return None
    try:
        return msgspec.json.Decoder(type_)
    except TypeError:  # a union that msgspec doesn't tell apart
        return None


def _is_plain_type(type_: Any) -> bool:
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is None:
        return type_ in _TYPES
    if origin is dict:
        return not arguments or (arguments[0] is str and _is_plain_type(arguments[1]))
    return origin in (list, Union, UnionType) and all(_is_plain_type(argument) for argument in arguments)
