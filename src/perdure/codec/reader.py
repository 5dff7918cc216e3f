"""From nodes to values: directed by the annotation first, by the tags where it says nothing.

An annotation vouches for the classes that it names and for their loaded subclasses, whatever they were called when the
value was recorded. Under Any a class is used only if `trust` knows its name; else its fields come back as a dict, an
enum's member as its value. Nothing is imported, and nothing is called that a name in the data chose.
"""

import types
import typing
from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from typing import Any, get_args, get_origin

import msgspec
import typing_extensions

from perdure.codec import choice, container, exception, scalar, trust
from perdure.codec.fields import fields_of, record_reader
from perdure.codec.misfit import Misfit
from perdure.codec.node import Node, Reader, from_json, name_in, tag_of, to_json
from perdure.codec.record import pydantic_adapter, record_of, validated
from perdure.codec.union import Member, union_reader
from perdure.model.failure import Failure

_WORDS = frozenset((str, int, bool, float, type(None)))
_WRAPPERS = (
    typing.Annotated, typing.ClassVar, typing.Final, typing.Required, typing.NotRequired, typing_extensions.ReadOnly,
)  # fmt: skip


def read_any(node: Node) -> Any:
    """The value of a node, by its tags alone."""
    if type(node) in _WORDS:
        return node
    if type(node) is not dict:
        return container.read_items(node, read_any)
    if container.is_dict(node):
        return container.read_pairs(container.pairs_of(node, read_any), lambda _: read_any)
    tag = tag_of(node)
    if isinstance(tag, str):
        if tag in scalar.READERS:
            return scalar.read(tag, node)
        if tag in container.SERIES:
            return container.read_series(tag, node, read_any)
        if tag in _NAMED:
            return _NAMED[tag](node)
    raise Misfit(f"its tag {tag!r} is unknown here: a newer perdure wrote it, so upgrade this one")


def reader_of(type_: Any) -> Reader:
    """How values of this annotation are read. What it can't direct by (a Protocol, a TypeVar, a text) is as Any."""
    try:
        return _cached_reader_of(type_)
    except TypeError:  # unhashable, as metadata in an Annotated may be
        return _make_reader(type_)


@lru_cache(maxsize=4096)
def _cached_reader_of(type_: Any) -> Reader:
    return _make_reader(type_)


def _make_reader(type_: Any) -> Reader:
    if _is_alias(type_) or _is_alias(get_origin(type_)):
        return _later(lambda: reader_of(_unwrapped(type_)))
    type_ = _unwrapped(type_)
    origin, arguments = get_origin(type_), get_args(type_)
    if origin in (typing.Union, types.UnionType):
        return union_reader([Member(_unwrapped(each), reader_of(each)) for each in arguments], read_any)
    if origin is typing.Literal:
        return choice.literal_reader(arguments, reader_of)
    cls = type(None) if type_ is None else origin or type_
    return _class_reader(cls, arguments) if isinstance(cls, type) and cls is not object else read_any


def _class_reader(cls: Any, arguments: tuple[Any, ...]) -> Reader:
    if cls in scalar.KINDS:
        return _scalar_reader(cls)
    stand_in = trust.stand_in_for(cls)
    if stand_in is not None:
        return _later(lambda: _stand_in_reader(stand_in))
    if cls is tuple:
        return container.tuple_reader(arguments, reader_of)
    if cls in container.SEQUENCES:
        return container.sequence_reader(cls, arguments, reader_of)
    if cls in container.MAPPINGS:
        return container.mapping_reader(arguments, reader_of)
    if typing_extensions.is_typeddict(cls):
        return _later(lambda: container.typed_dict_reader(cls, reader_of))
    if issubclass(cls, Enum):
        return choice.enum_reader(cls, reader_of)
    record = None if issubclass(cls, BaseException) else record_of(cls)
    if record is not None:
        return _later(lambda: record_reader(record, arguments, reader_of))
    adapter = pydantic_adapter(cls)
    if adapter is not None:
        return lambda node: validated(adapter.validate_python, read_any(node))
    return _base_reader(cls)


def _stand_in_reader(stand_in: trust.StandIn) -> Reader:
    read = reader_of(stand_in.of)
    return lambda node: stand_in.wrap(read(node))


def _scalar_reader(cls: type) -> Reader:
    return lambda node: node if type(node) is cls else scalar.from_plain(read_any(node), cls)


def _base_reader(cls: type) -> Reader:
    """For a class that is nothing by itself here, an ABC say, but that vouches for those below it."""

    def read(node: Node) -> Any:
        tag = tag_of(node)
        if tag == "exc":
            return _read_exception(node, cls)
        found = trust.resolve_below(cls, name_in(node)) if tag in ("obj", "enum") else None
        return read_any(node) if found is None or found is cls else reader_of(found)(node)

    return read


def _later(make: Callable[[], Reader]) -> Reader:
    """A reader that is made when it is first used: a type may contain itself."""
    made: list[Reader] = []

    def read(node: Node) -> Any:
        if not made:
            made.append(make())
        return made[0](node)

    return read


def _unwrapped(type_: Any) -> Any:
    """The type under Annotated, Required and the like, a NewType's base, what an alias stands for."""
    while True:
        origin = get_origin(type_)
        if origin in _WRAPPERS:
            type_ = get_args(type_)[0]
        elif isinstance(type_, typing.NewType):
            type_ = type_.__supertype__
        elif _is_alias(type_):
            type_ = type_.__value__
        elif _is_alias(origin) and hasattr(origin.__value__, "__parameters__"):
            type_ = origin.__value__[get_args(type_)]
        else:
            return type_


def _is_alias(type_: Any) -> bool:
    """Whether it was made by a `type` statement, or by typing_extensions' stand-in for it."""
    return type(type_).__name__ == "TypeAliasType"


def _read_object(node: Node) -> Any:
    cls = trust.resolve(name_in(node))
    if cls is not None and record_of(cls) is not None:
        return reader_of(cls)(node)
    return container.read_pairs(fields_of(node).items(), lambda _: read_any)


def _read_enum(node: Node) -> Any:
    cls, value = trust.resolve(name_in(node)), read_any(node.get("v"))
    return choice.member(cls, value) if cls is not None and issubclass(cls, Enum) else value


def _read_exception(node: Node, vouched: type | None = None) -> Any:
    try:
        failure = msgspec.json.decode(to_json(node.get("v")), type=Failure)
    except ValueError as error:
        raise Misfit(f"what its tag 'exc' holds is no exception ({error})") from None
    return exception.read(failure, lambda part: read_any(from_json(part)), vouched=vouched)


def _read_reference(node: Node) -> Any:
    kind, name = node.get("kind"), node.get("v")
    reference = trust.reference_of_kind(kind)
    if reference is None or not isinstance(name, str):
        raise Misfit(f"it refers to the {kind} {name!r}, and no such kind of thing is registered here")
    try:
        return reference.by_name(name)
    except Exception as error:
        raise Misfit(f"it refers to the {kind} {name!r}: {error}") from None


_NAMED: dict[str, Reader] = {
    "obj": _read_object,
    "enum": _read_enum,
    "exc": _read_exception,
    "ref": _read_reference,
}
"""The tags of what lives in the program under a name."""
