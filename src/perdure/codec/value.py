"""Values to bytes and back: the payloads of the log.

The rules are those of docs/payloads.md. What JSON has stays plain, and fast; `writer` and `reader` know the rest.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from perdure.codec.misfit import Misfit
from perdure.codec.node import ITSELF, MAX_BYTES, MAX_DEPTH, TOO_DEEP, from_json, to_json
from perdure.codec.plain import MARK, decoder_of, is_plain
from perdure.codec.reader import reader_of
from perdure.codec.writer import write
from perdure.errors import DecodeError, EncodeError

V = TypeVar("V")


def encode(value: object, at: str) -> bytes:
    """The value as JSON; the same bytes for the same value in every process.

    `at` is where it stands: an argument's name, `result`, `payload`. Raises: EncodeError with the path from there.
    """
    return encoded(value, at, _written, plain=is_plain(value, MAX_DEPTH))


def encoded(value: V, at: str, written: Callable[[V, str], bytes], *, plain: bool) -> bytes:
    """As JSON: by the encoder alone if it is `plain`, else as it is `written`. Raises: EncodeError."""
    if plain:
        try:
            data = to_json(value)
        except UnicodeEncodeError:  # half of a surrogate pair in a text
            data = written(value, at)
    else:
        data = written(value, at)
    if len(data) > MAX_BYTES:
        raise _too_large(data, at)
    return data


def _written(value: object, at: str) -> bytes:
    try:
        return to_json(write(value))
    except Exception as error:
        raise encode_error(error, at) from None


def decode(data: bytes | msgspec.Raw, type_: object = Any, at: str = "result") -> Any:
    """The value again, as the annotation `type_` has it; a new object each time. Raises: DecodeError with the path."""
    recorded = bytes(data)
    if MARK not in recorded:
        try:
            plain = decoder_of(type_)
            if plain is not None:
                return plain.decode(recorded)
        except (TypeError, ValueError, RecursionError):
            pass  # an unhashable annotation, or a misfit: what follows finds it again, with its place
    try:
        return reader_of(type_)(from_json(recorded))
    except Exception as error:
        raise decode_error(error, at) from None


def same_value(one: bytes | msgspec.Raw, other: bytes | msgspec.Raw) -> bool:
    """Whether two encoded values are one: spaces and the order of keys don't count, for senders in SQL have their own."""
    return bytes(one) == bytes(other) or _canonical(one) == _canonical(other)


def _canonical(data: bytes | msgspec.Raw) -> bytes:
    """1, 1.0 and true stay different."""
    return msgspec.json.encode(msgspec.json.decode(data), order="deterministic")


def _too_large(data: bytes, at: str) -> EncodeError:
    """What the caller is told when an encoded value takes more than MAX_BYTES."""
    size, limit = len(data) / 2**20, MAX_BYTES // 2**20
    return EncodeError(
        at, f"it takes {size:.1f} MiB and the limit is {limit} MiB: keep it elsewhere and record where it is"
    )


def encode_error(error: Exception, at: str) -> EncodeError:
    """What the caller is told when writing a value failed."""
    match error:
        case EncodeError():
            return error
        case Misfit(reason=reason):
            if reason == TOO_DEEP and error.cut_at_cycle():
                reason = ITSELF
            return EncodeError(error.path(at), reason)
        case RecursionError():
            return EncodeError(at, TOO_DEEP)
        case _:  # an object's own code, as it was read
            return EncodeError(at, f"reading it raised {type(error).__name__}: {error}")


def decode_error(error: Exception, at: str) -> DecodeError:
    """What the caller is told when reading a value failed."""
    match error:
        case Misfit(reason=reason):
            return DecodeError(error.path(at), reason)
        case RecursionError():
            return DecodeError(at, f"it is nested too deeply: perdure writes at most {MAX_DEPTH} levels")
        case _:
            return DecodeError(at, f"reading it raised {type(error).__name__}: {error}")
