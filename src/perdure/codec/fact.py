"""Facts to payloads and back: the bytes of one row of the log.

A payload is the fact's JSON and begins with `{`. Every other first byte is kept for envelopes of later versions, such
as compression and encryption.
"""

from functools import cache
from typing import Any

import msgspec

from perdure.codec.node import to_json
from perdure.errors import DecodeError, EncodeError
from perdure.model.event import FACTS, AnyFact, Fact


def pack(fact: Fact) -> bytes:
    """Raises: EncodeError if a text in it, such as a cancel's reason, can't be UTF-8."""
    try:
        return to_json(fact)
    except UnicodeEncodeError:
        raise EncodeError(fact.type, "a text in it holds half of a surrogate pair: leave that character out") from None


def unpack(type: str, payload: bytes) -> AnyFact:
    """The fact of an event of this type. Raises: DecodeError."""
    decoder = _decoder_of(type)
    if decoder is None:
        raise DecodeError(type, "no such type of event is known here: a newer perdure wrote it, so upgrade this one")
    if payload[:1] != b"{":
        raise DecodeError(
            type,
            f"its first byte is {bytes(payload[:1]).hex()}: a newer perdure wrote it, so upgrade this one"
            if payload
            else "it is empty: the log is damaged",
        )
    try:
        return decoder.decode(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(type, f"the log is damaged ({error})") from None


@cache
def _decoder_of(type: str) -> "msgspec.json.Decoder[Any] | None":
    fact = FACTS.get(type)
    return None if fact is None else msgspec.json.Decoder(fact)
