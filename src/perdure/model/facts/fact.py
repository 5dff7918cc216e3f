"""The root of the facts, and what stands for no value."""

from typing import ClassVar

from msgspec import Raw, Struct

NOTHING = Raw()
"""No value. This very object is left out of the JSON, another empty one would break it."""


class Fact(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """The root of the facts. `type` is the event's type in the log."""

    type: ClassVar[str]
