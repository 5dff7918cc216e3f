"""Exceptions as data and back, given how their arguments and fields are written and read.

Nothing of a user's class runs on the way back: no `__new__`, `__init__` or `__setattr__` of it, only those of the
built-in exception that it builds on. On the way in its `__str__` runs, and may do its worst: an exception is always
recorded, if need be with less of it.
"""

import builtins
import traceback
from asyncio import CancelledError
from collections.abc import Callable
from typing import Any, TypeGuard, cast

from msgspec import Raw, Struct
from msgspec.json import decode, encode

from perdure import errors
from perdure.codec import misfit
from perdure.codec.misfit import Misfit
from perdure.codec.node import TOO_DEEP
from perdure.codec.trust import name_of, resolve, resolve_below
from perdure.errors import RemoteError
from perdure.model.failure import Failure

FAILURE_BYTES = 1024 * 1024
"""What one exception may take, with its causes and parts: a log is read by people."""
_FAILURE_BYTES = 256  # taken by each, however little it says, so that their number is bounded too
_MESSAGE_CHARACTERS, _NOTE_CHARACTERS, _NOTES, _FRAMES, _DEPTH = 65_536, 8_192, 32, 40, 16

Encode = Callable[[object], bytes]
Decode = Callable[[bytes], Any]

_KNOWN: dict[str, type[BaseException]] = {
    name_of(cls): cls
    for cls in (*vars(builtins).values(), *vars(errors).values(), CancelledError)
    if isinstance(cls, type) and issubclass(cls, BaseException)
}
_BUILTINS = frozenset(cls for cls in _KNOWN.values() if cls.__module__ == "builtins")
_MEMBERS: dict[type[BaseException], tuple[str, ...]] = {
    ImportError: ("name", "path"),
    NameError: ("name",),
    AttributeError: ("name",),
    OSError: ("filename", "filename2"),
}
"""What built-in exceptions keep outside of both `args` and `__dict__`."""


class _State(Struct, omit_defaults=True):
    args: Raw = Raw()  # empty: they could not be encoded
    fields: dict[str, Raw] = {}


class _Budget:
    """The bytes that are left for one exception and everything under it."""

    def __init__(self) -> None:
        self.left = FAILURE_BYTES

    def takes(self, size: int) -> bool:
        if size > self.left:
            return False
        self.left -= size
        return True

    def text(self, text: str, limit: int) -> str:
        """The text, or its beginning, as JSON can hold it."""
        room = min(limit, max(0, self.left // 6))  # \u0000: the most that a character takes
        kept = text[:room].encode("utf-8", "backslashreplace")
        self.left -= len(kept)
        dropped = len(text) - room
        return kept.decode() + (f"… ({dropped} more characters)" if dropped > 0 else "")


def write(error: BaseException, encode_part: Encode, *, for_people: bool) -> Failure:
    """As much of the exception as can be recorded, at most about FAILURE_BYTES.

    `for_people`: with traceback and notes, which differ where the code's lines do. `encode_part` may raise for what it
    can't encode; a Misfit that says TOO_DEEP is passed on. Raises: what the exception's own properties raise.
    """
    return _write(error, encode_part, for_people, _Budget(), _DEPTH)


def type_name(error: BaseException) -> str:
    """The name of the exception's class, as JSON can hold it."""
    return name_of(type(error)).encode("utf-8", "backslashreplace").decode()


def _write(error: BaseException, encode_part: Encode, for_people: bool, budget: _Budget, depth: int) -> Failure:
    budget.left -= _FAILURE_BYTES
    message = budget.text(_message(error), _MESSAGE_CHARACTERS)
    state = _write_state(error, encode_part, budget)
    trace = budget.text(_traceback(error, message), _MESSAGE_CHARACTERS) if for_people else ""
    notes = [budget.text(note, _NOTE_CHARACTERS) for note in _notes(error)] if for_people else []
    members, cause = _members(error), error.__cause__
    parts: list[Failure] = []
    for member in members if depth > 0 else ():
        if budget.left > 0:
            parts.append(_write(member, encode_part, for_people, budget, depth - 1))
    if len(parts) < len(members):
        notes.append(f"{len(members) - len(parts)} more exceptions of this group are not kept")
    return Failure(
        type=type_name(error),
        message=message,
        **state,
        traceback=trace or None,
        notes=tuple(notes),
        cause=_write(cause, encode_part, for_people, budget, depth - 1)
        if cause is not None and depth > 0 and budget.left > 0
        else None,
        parts=tuple(parts),
    )


def read(
    failure: Failure, decode_part: Decode, *, control_flow: bool = False, vouched: type | None = None
) -> BaseException:
    """The exception again, as itself where its class is trusted, else a RemoteError. Never raises.

    `control_flow`: KeyboardInterrupt, SystemExit and others that aren't an Exception come back as themselves too.
    `vouched`: a class that an annotation names; it and those below it need no trust.
    """
    try:
        found = _KNOWN.get(failure.type) or resolve(failure.type)
        if found is None and vouched is not None:
            found = resolve_below(vouched, failure.type)
        made = _made(failure, found, decode_part, control_flow) if _may_rise(found, control_flow) else _remote(failure)
        if not (control_flow or isinstance(made, Exception)):
            made = _remote(failure)
        if failure.cause is not None:
            made.__cause__ = read(failure.cause, decode_part, control_flow=control_flow)
    except Exception:  # a broken or hostile log, or a class that has changed
        made = _remote(failure)
    if failure.notes:
        _own_fields(made)["__notes__"] = list(failure.notes)
    return made


def _made(failure: Failure, cls: type[BaseException], decode_part: Decode, control_flow: bool) -> BaseException:
    parts = [read(part, decode_part, control_flow=control_flow) for part in failure.parts]
    args, fields = _read_state(failure, decode_part)
    built_in = _built_in(cls)
    try:
        made = _bare(built_in, cls, args, parts)
    except Exception:  # its arguments are not what the built-in class expects: they were never encodable, or it changed
        made = _bare(built_in, cls, (failure.message,), parts)
    for name in _members_of(built_in):
        if name in fields:
            getattr(built_in, name).__set__(made, fields.pop(name))  # past any property of the user's class
    _own_fields(made).update(fields)
    return made


def _bare(built_in: Any, cls: type[BaseException], args: tuple[Any, ...], parts: list[BaseException]) -> BaseException:
    args = (args[0], parts) if parts or issubclass(cls, BaseExceptionGroup) else args
    made = built_in.__new__(cls, *args)
    built_in.__init__(made, *args)
    return made


def _own_fields(error: BaseException) -> dict[str, Any]:
    """Its `__dict__`, past any `__setattr__`, `__getattribute__` or `add_note` of the user's class."""
    return object.__getattribute__(error, "__dict__")


def _may_rise(cls: type | None, control_flow: bool) -> TypeGuard[type[BaseException]]:
    if cls is None or not issubclass(cls, BaseException):
        return False
    if issubclass(cls, StopIteration):  # can't be raised out of a coroutine, nor set on a future
        return False
    return control_flow or issubclass(cls, Exception | BaseExceptionGroup)


def _built_in(cls: type[BaseException]) -> type[BaseException]:
    """The built-in class whose memory layout it has: the only one whose `__new__` may make it."""
    while cls not in _BUILTINS:
        cls = cast("type[BaseException]", cls.__base__)
    return cls


def _members_of(built_in: type[BaseException]) -> tuple[str, ...]:
    return next((names for cls, names in _MEMBERS.items() if issubclass(built_in, cls)), ())


def _remote(failure: Failure) -> RemoteError:
    return RemoteError(failure.type, failure.message, failure.traceback)


def _write_state(error: BaseException, encode_part: Encode, budget: _Budget) -> dict[str, Raw]:
    """The state of a Failure: the arguments as a whole or not at all, and of the fields those that can be encoded."""

    def part(name: str, value: object) -> Raw | None:
        try:
            written = encode_part(value)
        except RecursionError:
            raise
        except Exception as second:
            if isinstance(second, Misfit) and second.reason == TOO_DEEP:
                second.within(misfit.field(name), error)
                raise  # else one that lies within itself is tried anew on each level
            return None
        return Raw(written) if budget.takes(len(written)) else None

    args = (cast("Any", error).message,) if _members(error) else error.args
    state = _State()
    written = part("args", list(args))
    if written is not None:
        state.args = written
    members = {name: getattr(error, name) for name in _members_of(_built_in(type(error)))}
    fields: dict[str, object] = {name: value for name, value in members.items() if value is not None}
    fields |= {name: value for name, value in vars(error).items() if name != "__notes__"}
    kept = {name: part(name, value) for name, value in fields.items()}
    state.fields = {name: field for name, field in kept.items() if field is not None}
    try:
        return {"state": Raw(encode(state))}
    except Exception:  # a field's name that JSON can't hold
        return {}


def _read_state(failure: Failure, decode_part: Decode) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if not failure.state:
        return (failure.message,), {}
    try:
        state = decode(failure.state, type=_State)
        args = tuple(decode_part(bytes(state.args))) if state.args else (failure.message,)
        return args, {name: decode_part(bytes(part)) for name, part in state.fields.items()}
    except Exception:
        return (failure.message,), {}


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as second:
        return f"(no message: its __str__ raised {type(second).__name__})"


def _notes(error: BaseException) -> list[str]:
    notes: object = vars(error).get("__notes__", ())
    if not isinstance(notes, list | tuple):
        return []
    return [note for note in cast("list[object]", notes) if isinstance(note, str)][:_NOTES]


def _members(error: BaseException) -> tuple[BaseException, ...]:
    return cast("BaseExceptionGroup[BaseException]", error).exceptions if isinstance(error, BaseExceptionGroup) else ()


def _traceback(error: BaseException, message: str) -> str:
    if error.__traceback__ is None:
        return ""
    frames = traceback.format_tb(error.__traceback__, limit=-_FRAMES)
    return f"Traceback (most recent call last):\n{''.join(frames)}{type(error).__qualname__}: {message}"
