"""Facts to payloads and back: the bytes of one row of the log.

A payload is the fact's JSON and begins with `{`; a large one is compressed, and where there are keys it is sealed around
that. Every other first byte is kept for envelopes of later versions.
"""

from functools import cache
from typing import Any

import msgspec

from perdure.codec.compression import COMPRESSED, LARGE_BYTES, compressed, decompressed
from perdure.codec.keyring import SEALED, key_name
from perdure.codec.node import to_json
from perdure.errors import DecodeError, EncodeError, KeyMissing
from perdure.model.event import FACTS, AnyFact, Fact


def pack(fact: Fact) -> bytes:
    """Raises: EncodeError if a text in it, such as a cancel's reason, can't be UTF-8."""
    data = fact_json(fact)
    return data if len(data) <= LARGE_BYTES else compressed(data)


def fact_json(fact: Fact) -> bytes:
    """For people and their tools. Raises: as `pack`."""
    try:
        return to_json(fact)
    except UnicodeEncodeError:
        raise EncodeError(fact.type, "a text in it holds half of a surrogate pair: leave that character out") from None


def unpack(type: str, payload: bytes) -> AnyFact:
    """The fact of an event of this type; a sealed payload has to be opened before. Raises: DecodeError, KeyMissing."""
    decoder = _decoder_of(type)
    if decoder is None:
        raise DecodeError(type, "no such type of event is known here: a newer perdure wrote it, so upgrade this one")
    if payload[:1] != b"{":
        payload = _unwrapped(type, payload)
    try:
        return decoder.decode(payload)
    except (ValueError, RecursionError) as error:
        raise DecodeError(type, f"the log is damaged ({error})") from None


def _unwrapped(type: str, payload: bytes) -> bytes:
    match payload[:1]:
        case envelope if envelope == COMPRESSED:
            return decompressed(payload, type)
        case envelope if envelope == SEALED:
            raise KeyMissing(type, key_name(payload))
        case b"":
            raise DecodeError(type, "it is empty: the log is damaged")
        case other:
            raise DecodeError(
                type, f"its first byte is {bytes(other).hex()}: a newer perdure wrote it, so upgrade this one"
            )


@cache
def _decoder_of(type: str) -> "msgspec.json.Decoder[Any] | None":
    fact = FACTS.get(type)
    return None if fact is None else msgspec.json.Decoder(fact)
