"""Why a value can't be written or read, and where in it: what the public errors are made of.

The path is built only on the way out of a failure, so that the way in costs nothing for it.
"""

from typing import Any

import msgspec

_KEY_CHARACTERS = 40
_HEAD, _TAIL = 12, 3


class Misfit(Exception):
    """`reason` completes the public error's sentence. `trail`: segments, and the value around each, inmost first."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        self.trail: list[tuple[str, object]] = []
        super().__init__(reason)

    def within(self, segment: str, around: object = None) -> "Misfit":
        """The same misfit, seen from the value around it."""
        self.trail.append((segment, around))
        return self

    def path(self, at: str) -> str:
        """As Python would reach the value from `at`; a long path is cut in its middle."""
        segments = [segment for segment, _ in reversed(self.trail)]
        if len(segments) > _HEAD + _TAIL:
            segments = [*segments[:_HEAD], "…", *segments[-_TAIL:]]
        return at + "".join(segments)

    def cut_at_cycle(self) -> bool:
        """Whether a value on the trail lies in itself; if so, the trail now ends there."""
        seen: set[int] = set()
        outward_in = self.trail[::-1]
        for depth, (_, around) in enumerate(outward_in):
            if around is not None and id(around) in seen:
                self.trail = outward_in[:depth][::-1]
                return True
            seen.add(id(around))
        return False


def index(position: int) -> str:
    return f"[{position}]"


def key(value: Any) -> str:
    """`["rows"]`, `[3]`: a dict's key as a segment."""
    try:
        text = msgspec.json.encode(value).decode() if type(value) is str else repr(value)
    except Exception:  # a surrogate, or a __repr__ that raises
        text = f"<{type(value).__qualname__}>"
    return f"[{text if len(text) <= _KEY_CHARACTERS else text[:_KEY_CHARACTERS] + '…'}]"


def field(name: str) -> str:
    return f".{name}"
