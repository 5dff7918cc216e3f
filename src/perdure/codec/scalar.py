"""Values without parts that JSON doesn't have: the node that each becomes, and the way back.

Texts are the types' own standard ones (ISO 8601 for times, base64 for bytes), so that a log can be read by eye.
"""

import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from perdure.codec.misfit import Misfit
from perdure.codec.node import TAG, Node, Reader, class_text, has_surrogate, named, tag_of

_Moment = TypeVar("_Moment", datetime, time)

INT_LEAST, INT_MOST = -(2**63), 2**64 - 1
"""What a 64-bit reader of the log can hold; JSON's plain form is kept to that."""

_ZONE = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_OFFSET_BELOW_1_S = re.compile(r"([+-])00:00:00\.([0-9]{6})$")


def write_int(value: int) -> Node:
    # Hexadecimal: linear in time, and without Python's limit on decimal digits.
    return value if INT_LEAST <= value <= INT_MOST else {TAG: "int", "v": hex(value)}


def write_float(value: float) -> Node:
    return value if value - value == 0.0 else {TAG: "float", "v": repr(value)}


def write_str(value: str) -> Node:
    if not has_surrogate(value):
        return value
    return {TAG: "str", "v": _base64(value.encode("utf-8", "surrogatepass"))}


def write_bytes(value: bytes | bytearray | memoryview) -> Node:
    return {TAG: "bytes", "v": _base64(value)}


def write_datetime(value: datetime) -> Node:
    return {TAG: "dt", "v": datetime.isoformat(value), **_zone(value.tzinfo, value.fold)}


def write_date(value: date) -> Node:
    return {TAG: "date", "v": date.isoformat(value)}


def write_time(value: time) -> Node:
    return {TAG: "time", "v": time.isoformat(value), **_zone(value.tzinfo, value.fold)}


def write_timedelta(value: timedelta) -> Node:
    return {TAG: "td", "v": value}


def write_decimal(value: Decimal) -> Node:
    return {TAG: "dec", "v": Decimal.__str__(value)}


def write_uuid(value: UUID) -> Node:
    return {TAG: "uuid", "v": UUID.__str__(value)}


def write_complex(value: complex) -> Node:
    return {TAG: "complex", "v": [write_float(value.real), write_float(value.imag)]}


def write_path(value: PurePath) -> Node:
    node: dict[str, Node] = {TAG: "path", "v": write_str(str(value))}
    if not isinstance(value, Path):
        node["pure"] = "windows" if isinstance(value, PureWindowsPath) else "posix"
    return node


def unchanged(value: Any) -> Node:
    return value


WRITERS: dict[type, Callable[[Any], Node]] = {
    type(None): unchanged,
    bool: unchanged,
    int: write_int,
    float: write_float,
    str: write_str,
    bytes: write_bytes,
    bytearray: write_bytes,
    memoryview: write_bytes,
    datetime: write_datetime,
    date: write_date,
    time: write_time,
    timedelta: write_timedelta,
    Decimal: write_decimal,
    UUID: write_uuid,
    complex: write_complex,
}

SUBCLASS_WRITERS: tuple[tuple[type, Callable[[Any], Node]], ...] = (
    (PurePath, write_path),
    (datetime, write_datetime),  # before date, its base
    (date, write_date),
    (time, write_time),
    (timedelta, lambda value: write_timedelta(timedelta(value.days, value.seconds, value.microseconds))),
    (Decimal, write_decimal),
    (UUID, write_uuid),
    (bytes, write_bytes),
    (bytearray, write_bytes),
    (str, lambda value: write_str(str.__str__(value))),
    (int, lambda value: write_int(int.__int__(value))),
    (float, lambda value: write_float(float.__float__(value))),
    (complex, write_complex),
)
"""For subclasses, which come back as the type that they build on."""


def _read_int(node: Node) -> int:
    return int(node["v"], 16)


def _read_float(node: Node) -> float:
    return {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}[node["v"]]


def _read_str(node: Node) -> str:
    return _bytes(node["v"]).decode("utf-8", "surrogatepass")


def _read_bytes(node: Node) -> bytes:
    return _bytes(node["v"])


def _read_datetime(node: Node) -> datetime:
    value = _with_offset(datetime.fromisoformat(node["v"]).replace(fold=node.get("fold", 0)), node["v"])
    zone = _zone_named(node)
    if zone is None:
        return value
    local = value.replace(tzinfo=zone)
    # A zone whose rules have changed since: the moment is kept, not the hour on the wall.
    return local if local.utcoffset() == value.utcoffset() else value.astimezone(zone)


def _read_date(node: Node) -> date:
    return date.fromisoformat(node["v"])


def _read_time(node: Node) -> time:
    value = _with_offset(time.fromisoformat(node["v"]).replace(fold=node.get("fold", 0)), node["v"])
    zone = _zone_named(node)
    return value if zone is None else value.replace(tzinfo=zone)


def _with_offset(value: _Moment, text: str) -> _Moment:
    """CPython's `fromisoformat` takes an offset of less than a second for none (seen in 3.11)."""
    found = _OFFSET_BELOW_1_S.search(text)
    if found is None:
        return value
    return value.replace(tzinfo=timezone(timedelta(microseconds=int(found[1] + found[2]))))


def _read_timedelta(node: Node) -> timedelta:
    return msgspec.convert(node["v"], timedelta)


def _read_decimal(node: Node) -> Decimal:
    return Decimal(_text(node["v"]))


def _read_uuid(node: Node) -> UUID:
    return UUID(node["v"])


def _read_complex(node: Node) -> complex:
    real, imag = (_read_float(part) if tag_of(part) == "float" else float(part) for part in node["v"])
    return complex(real, imag)


def _read_path(node: Node) -> PurePath:
    kind = {None: Path, "posix": PurePosixPath, "windows": PureWindowsPath}[node.get("pure")]
    text = node["v"]
    return kind(_read_str(text) if tag_of(text) == "str" else text)


READERS: dict[str, tuple[type, Reader]] = {
    "int": (int, _read_int),
    "float": (float, _read_float),
    "str": (str, _read_str),
    "bytes": (bytes, _read_bytes),
    "dt": (datetime, _read_datetime),
    "date": (date, _read_date),
    "time": (time, _read_time),
    "td": (timedelta, _read_timedelta),
    "dec": (Decimal, _read_decimal),
    "uuid": (UUID, _read_uuid),
    "complex": (complex, _read_complex),
    "path": (PurePath, _read_path),
}
"""By tag: the type that comes back, and how it is read. A reader may raise anything: `read` makes it a Misfit."""

_FROM_PLAIN: dict[type, Callable[[Any], Any]] = {
    int: lambda value: int(value) if type(value) is float and value.is_integer() else msgspec.convert(value, int),
    bytearray: lambda value: bytearray(value if isinstance(value, bytes) else msgspec.convert(value, bytes)),
    complex: lambda value: complex(msgspec.convert(value, float)),
    **{
        kind: lambda value, kind=kind: kind(_text(value))
        for kind in (Path, PurePath, PurePosixPath, PureWindowsPath)
    },
    **{
        kind: lambda value, kind=kind: msgspec.convert(value, kind)
        for kind in (str, bool, type(None), float, bytes, datetime, date, time, timedelta, Decimal, UUID)
    },
}  # fmt: skip
KINDS = frozenset(_FROM_PLAIN)
"""The types that `from_plain` knows."""


def read(tag: str, node: Node) -> Any:
    """Raises: Misfit for a tag that holds no such value."""
    try:
        return READERS[tag][1](node)
    except Exception as error:
        raise Misfit(f"what its tag {tag!r} holds is none ({type(error).__name__}: {error})") from None


def from_plain(value: object, kind: type) -> Any:
    """The value itself if it is of this kind, else what its plain form says: a datetime from text, a float."""
    if isinstance(value, kind):
        return value
    try:
        return _FROM_PLAIN[kind](value)
    except Exception:
        raise Misfit(mismatch(value, class_text(kind))) from None


def mismatch(value: object, asked: str) -> str:
    return f"it is {named(value)}, where the annotation asks for {asked}"


def _zone(zone: tzinfo | None, fold: int) -> dict[str, Node]:
    extra: dict[str, Node] = {"fold": fold} if fold else {}
    if isinstance(zone, ZoneInfo) and zone.key:
        extra["zone"] = zone.key
    return extra


def _zone_named(node: Node) -> ZoneInfo | None:
    """None where there is none, or this machine doesn't know it: the recorded offset stands."""
    key = node.get("zone")
    if not isinstance(key, str) or not _ZONE.fullmatch(key):
        return None
    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):
        return None


def _base64(value: bytes | bytearray | memoryview) -> str:
    return b2a_base64(value, newline=False).decode()


def _bytes(text: str) -> bytes:
    return a2b_base64(text, strict_mode=True)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{named(value)} is no text")
    return value
