"""The fast way for what JSON has anyway: most payloads never see a tag.

Both ways must agree: what passes here is written and read as `writer` and `reader` would, only in C.
"""

from collections.abc import Callable
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import msgspec

from perdure.codec.node import TAG
from perdure.codec.scalar import INT_LEAST, INT_MOST

_MARK = b'"$"'
_WORDS = frozenset((str, bool, NoneType))
_TYPES = frozenset((Any, object, str, int, float, bool, None, NoneType, list, dict))


def is_plain(value: object, room: int) -> bool:
    """Whether JSON holds this value as it is, but for surrogates in its texts, which the encoder finds.

    `room`: how many values may lie in each other.
    """
    check = _CHECKS.get(type(value))
    return check is not None and check(value, room)


def _is_plain_dict(value: dict[Any, Any], room: int) -> bool:
    if room <= 0 or TAG in value:
        return False
    for key, item in value.items():
        if type(key) is not str:
            return False
        if type(item) in _WORDS or (type(item) is int and INT_LEAST <= item <= INT_MOST):
            continue
        if not is_plain(item, room - 1):
            return False
    return True


def _is_plain_list(value: list[Any], room: int) -> bool:
    if room <= 0:
        return False
    for item in value:
        if type(item) in _WORDS or (type(item) is int and INT_LEAST <= item <= INT_MOST):
            continue
        if not is_plain(item, room - 1):
            return False
    return True


_CHECKS: dict[type, Callable[[Any, int], bool]] = {
    **{word: lambda value, room: True for word in _WORDS},
    int: lambda value, room: INT_LEAST <= value <= INT_MOST,
    float: lambda value, room: value - value == 0.0,  # neither nan nor infinite
    dict: _is_plain_dict,
    list: _is_plain_list,
}


def has_no_tags(data: bytes) -> bool:
    """Whether no dict in this JSON has the key `$`. (Within a text its quotes would be escaped.)"""
    return _MARK not in data


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
