"""From values to nodes. Decides what can be recorded; the bytes are left to `node`, the fast way to `plain`.

The same value makes the same node in every process: sets are put in the order of their encoded members.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import lru_cache
from typing import Any

from msgspec import Raw

from perdure.codec import exception, misfit, scalar
from perdure.codec.misfit import Misfit
from perdure.codec.node import MAX_DEPTH, TAG, TOO_DEEP, Node, a_class, has_surrogate, to_json
from perdure.codec.record import Record, pydantic_adapter, record_of
from perdure.codec.trust import Reference, StandIn, name_of, reference_for, stand_in_for

Branch = Callable[[Any, int], Node]
"""From a value with parts to its node; the int says how many levels may still lie below."""

_WORDS = frozenset((bool, type(None)))
_EXCEPTION_LEVELS = 10
"""What an exception counts for: so many calls lie between it and what it holds."""
_LEAVES = scalar.WRITERS


def write(value: object, room: int = MAX_DEPTH) -> Node:
    """The node of a value. `room`: how many values may lie in each other. Raises: Misfit."""
    if type(value) in _WORDS or (type(value) is str and value.isascii()):
        return value
    leaf = _LEAVES.get(type(value))
    if leaf is not None:
        return leaf(value)
    if room <= 0:
        raise Misfit(TOO_DEEP)
    return _branch_of(type(value))(value, room - 1)


def _list(value: Iterable[object], room: int) -> Node:
    nodes: list[Node] = []
    for position, item in enumerate(value):
        try:
            nodes.append(write(item, room))
        except Misfit as error:
            error.within(misfit.index(position), value)
            raise
    return nodes


def _tuple(value: Iterable[object], room: int) -> Node:
    return {TAG: "tuple", "v": _list(value, room)}


def _set(value: Iterable[object], room: int) -> Node:
    try:
        members = sorted(to_json(write(member, room)) for member in value)
    except Misfit as error:
        raise Misfit(f"one of its members has no encoding ({error.reason})") from None
    return {TAG: "frozenset" if isinstance(value, frozenset) else "set", "v": [Raw(member) for member in members]}


def _dict(value: dict[object, object], room: int) -> Node:
    nodes: dict[str, Node] = {}
    for key, item in value.items():
        if type(key) is not str or key == TAG or has_surrogate(key):
            return _map(value, room)
        try:
            nodes[key] = write(item, room)
        except Misfit as error:
            error.within(misfit.key(key), value)
            raise
    return nodes


def _map(value: dict[object, object], room: int) -> Node:
    """For keys that a JSON object can't have, the tag's own among them."""
    pairs: list[Node] = []
    for key, item in value.items():
        try:
            written = write(key, room)
        except Misfit as error:
            raise Misfit(f"one of its keys has no encoding ({error.reason})") from None
        try:
            pairs.append([written, write(item, room)])
        except Misfit as error:
            error.within(misfit.key(key), value)
            raise
    return {TAG: "map", "v": pairs}


def _enum(value: Enum, room: int) -> Node:
    try:
        return {TAG: "enum", "type": name_of(type(value)), "v": write(value._value_, room)}
    except Misfit as error:
        error.within(".value", value)
        raise


def _exception(value: BaseException, room: int) -> Node:
    below = room - _EXCEPTION_LEVELS
    failure = exception.write(value, lambda part: to_json(write(part, below)), for_people=False)
    return {TAG: "exc", "v": failure}


def _record(record: Record) -> Branch:
    def write_record(value: Any, room: int) -> Node:
        nodes: dict[str, Node] = {}
        for name, item in record.read(value).items():
            try:
                nodes[name] = write(item, room)
            except Misfit as error:
                error.within(misfit.field(name), value)
                raise
        return {TAG: "obj", "type": name_of(record.cls), **record.marks(value), "v": nodes}

    return write_record


def _reference(reference: Reference) -> Branch:
    return lambda value, _: {TAG: "ref", "kind": reference.kind, "v": reference.name_of(value)}


def _stand_in(stand_in: StandIn) -> Branch:
    return lambda value, room: write(stand_in.unwrap(value), room)


@lru_cache(maxsize=4096)
def _branch_of(cls: Any) -> Branch:
    """How values of this class are written. Refusals aren't cached: a class may become a reference later."""
    reference = reference_for(cls)
    if reference is not None:
        return _reference(reference)
    stand_in = stand_in_for(cls)
    if stand_in is not None:
        return _stand_in(stand_in)
    for base, branch in ((Enum, _enum), (BaseException, _exception)):
        if issubclass(cls, base):
            return branch
    record = record_of(cls)
    if record is not None:
        return _record(record)
    for base, branch in ((list, _list), (dict, _dict), (tuple, _tuple), ((set, frozenset), _set)):
        if issubclass(cls, base):
            return branch
    for base, leaf in scalar.SUBCLASS_WRITERS:
        if issubclass(cls, base):
            return lambda value, _: leaf(value)
    return _foreign(cls)


def _foreign(cls: Any) -> Branch:
    adapter = pydantic_adapter(cls)
    if hasattr(cls, "get_secret_value"):
        advice = "and a log is no place for a secret: record its name, and look it up in the step"
    elif hasattr(cls, "__await__"):
        advice = "which nobody awaited: await it, and record what comes back"
    elif adapter is not None:
        return lambda value, room: write(adapter.dump_python(value, mode="json"), room)
    else:
        advice = "which is none of the types that perdure records: record what it can be made from instead"
    raise Misfit(f"it is {a_class(cls)}, {advice}")
