"""How chunks go over the wire: one JSON text each, as a line of NDJSON or an event of SSE.

NDJSON: https://github.com/ndjson/ndjson-spec. SSE: https://html.spec.whatwg.org/multipage/server-sent-events.html.
Nothing that a chunk holds can end its frame.
"""

import re
from typing import Any, Protocol, TypeVar

from perdure.api.plain import json_line, plain_value
from perdure.codec.plain import MARK
from perdure.world.stream import Chunk

T_contra = TypeVar("T_contra", contravariant=True)
NDJSON = "application/x-ndjson"
SSE = "text/event-stream"
_LINE_END = re.compile(rb"\r\n|\r|\n")
_UNICODE_LINE_ENDS = (
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)
"""What some clients take for the end of a line. In JSON they stand in texts alone, where an escape says the same."""


class Framing(Protocol[T_contra]):
    """`alive` is what may be sent to show that the connection lives, `last` what says that there is no more; empty:
    nothing."""

    media_type: str
    alive: bytes
    last: bytes

    def frame(self, chunk: T_contra, /) -> bytes: ...


class Lines:
    """NDJSON: the n-th line of an answer is the chunk at the start index + n."""

    media_type = NDJSON
    alive = last = b""

    def frame(self, chunk: Chunk) -> bytes:
        return plain(chunk.data) + b"\n"


class Events:
    """SSE: each event's id is its chunk's index, which a client that comes back sends as Last-Event-ID."""

    media_type = SSE
    alive, last = b": keep-alive\n\n", b""

    def frame(self, chunk: Chunk) -> bytes:
        return event(plain(chunk.data), chunk.index)


class Named:
    """SSE: events with a name and JSON."""

    media_type = SSE
    alive, last = b": keep-alive\n\n", b""

    def frame(self, told: tuple[str, Any], /) -> bytes:
        name, value = told
        return b"event: %b\ndata: %b\n\n" % (name.encode(), json_line(value).encode())


def event(data: bytes, index: int) -> bytes:
    """An event of SSE. Data of several lines arrives as it was, each line end as \\n."""
    lines = b"".join(b"data: " + line + b"\n" for line in _LINE_END.split(data))
    return b"id: %d\n%b\n" % (index, lines)


def plain(recorded: bytes) -> bytes:
    """A recorded value as one line of JSON without tags: what a client that knows nothing of perdure reads."""
    if MARK in recorded or b"\n" in recorded or b"\r" in recorded:
        recorded = json_line(plain_value(recorded)).encode()
    if not recorded.isascii():
        for character, escape in _UNICODE_LINE_ENDS:
            recorded = recorded.replace(character, escape)
    return recorded


def framing_of(accept: str) -> Framing[Chunk]:
    """By the Accept header: events where they are asked for, and not liked less than lines; else lines."""
    wishes = _wishes(accept)
    events, lines = wishes.get(SSE, 0.0), wishes.get(NDJSON, 0.0)
    return Events() if events > 0 and events >= lines else Lines()


def _wishes(accept: str) -> dict[str, float]:
    """Quality by media type (RFC 9110, 12.5.1); one that can't be read is 0."""
    wishes: dict[str, float] = {}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        given = [parameter[2:] for parameter in parameters if parameter.startswith("q=")]
        try:
            wishes[kind] = float(given[0]) if given else 1.0
        except ValueError:
            wishes[kind] = 0.0
    return wishes
