"""An exception as data: enough to show it, and to raise it again as itself where its type is known."""

from msgspec import Raw, Struct


class Failure(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """`type` is `module:qualname`; `state` the encoded constructor arguments and fields, empty where they can't be
    encoded; `parts` the members of an exception group. Tracebacks and notes are for people and never compared."""

    type: str
    message: str
    state: Raw = Raw()
    traceback: str | None = None
    notes: tuple[str, ...] = ()
    cause: "Failure | None" = None
    parts: "tuple[Failure, ...]" = ()
