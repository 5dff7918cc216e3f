"""Which member of a union a node is meant for.

The order in which the members are written plays no part (Python takes `A | B` and `B | A` for equal): what was recorded
as itself goes first, then what fits with the least left over, then by name.
"""

from operator import itemgetter
from typing import Any, NamedTuple, cast, get_origin

from perdure.codec import trust
from perdure.codec.misfit import Misfit
from perdure.codec.node import Node, Reader, named, tag_of
from perdure.codec.record import record_of
from perdure.codec.scalar import KINDS, READERS

_SERIES = {"tuple": tuple, "set": set, "frozenset": frozenset, "map": dict}


class Member(NamedTuple):
    type: Any
    read: Reader


def union_reader(members: list[Member], read_any: Reader) -> Reader:
    """Reads a node as the first member that it fits. `read_any` says what it is where it fits none."""
    ordered = sorted(members, key=lambda member: str(member.type))
    others = [member for member in members if member.type is not type(None)]
    if len(others) == 1 and len(members) == 2:  # X | None, by far the most common one
        read_other = others[0].read
        return lambda node: None if node is None else read_other(node)

    def read(node: Node) -> Any:
        candidates = sorted(((_distance(each.type, node), each.read) for each in ordered), key=itemgetter(0))
        nearest = candidates[0][0]
        first: Misfit | None = None
        for distance, read_member in candidates:
            if distance > 0 and nearest == 0 and tag_of(node) is not None:
                break  # it was recorded as a member of another type
            try:
                return read_member(node)
            except Misfit as error:
                first = first or error
        if first is not None and nearest < _FAR:
            raise first  # it was meant for that one, and something inside doesn't fit
        asked = " | ".join(_text(member.type) for member in members)
        raise Misfit(f"it is {named(read_any(node))}, where the annotation asks for {asked}")

    return read


_FAR = 1_000


def _distance(type_: Any, node: Node) -> int:
    """How far a node is from a member: 0 for its own type, then one more for each field that would be lost."""
    kind = get_origin(type_) or type_
    if not isinstance(kind, type):
        return _FAR
    tag = tag_of(node)
    if kind is _natural(node, tag):
        return 0
    if tag in ("obj", "enum", "exc") and kind not in KINDS:  # a StrEnum is no str, where both are asked for
        name = node["v"].get("type") if tag == "exc" and type(node.get("v")) is dict else node.get("type")
        if isinstance(name, str) and trust.resolve_below(kind, name) is not None:
            return 0
    record = record_of(kind)
    fields: object = node.get("v") if tag == "obj" else node if tag is None else None
    if record is None or type(fields) is not dict:
        return _FAR
    return min(1 + len(cast("dict[str, Node]", fields).keys() - set(record.names)), _FAR - 1)


def _natural(node: object, tag: object) -> Any:
    """The type that a node has by itself."""
    if tag is None:
        return type(node)
    if not isinstance(tag, str):
        return dict
    return READERS[tag][0] if tag in READERS else _SERIES.get(tag, dict)


def _text(type_: Any) -> str:
    if type_ is type(None):
        return "None"
    return type_.__qualname__ if isinstance(type_, type) and get_origin(type_) is None else str(type_)
