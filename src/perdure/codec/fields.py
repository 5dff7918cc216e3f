"""Reading an object of a class with fields: what perdure took apart is restored, a stranger's plain JSON constructed.

Fields that the class doesn't have (any more) are ignored, and new ones take their defaults.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_origin

from perdure.codec import misfit, trust
from perdure.codec.container import ReaderOf, is_dict, items_of, read_items
from perdure.codec.misfit import Misfit
from perdure.codec.node import Node, Reader, name_in, tag_of
from perdure.codec.record import Record
from perdure.codec.scalar import mismatch


def fields_of(node: Node) -> dict[str, Node]:
    """The fields of an object as it was taken apart."""
    fields: Node = node.get("v")
    if not isinstance(fields, dict):
        raise Misfit("what its tag 'obj' holds is no object")
    return fields  # pyright: ignore[reportUnknownVariableType]


def record_reader(record: Record, arguments: tuple[Any, ...], reader_of: ReaderOf) -> Reader:
    """`arguments`: what a generic class was given, as the int of `Box[int]`."""
    hints = _filled(record.hints(), record.cls, arguments)
    read_any = reader_of(Any)
    readers = {name: reader_of(hints.get(name, Any)) for name in record.names}

    def read_fields(nodes: dict[str, Node], segment: Callable[[str], str]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, node in nodes.items():
            read_field = readers.get(name, read_any if record.checks_itself else None)
            if read_field is None:
                continue
            try:
                values[name] = read_field(node)
            except Misfit as error:
                error.within(segment(name))
                raise
        return values

    def read(node: Node) -> Any:
        if tag_of(node) == "obj":
            cls = trust.resolve_below(record.cls, name_in(node)) or record.cls
            if cls is not record.cls:
                return reader_of(cls)(node)
            return record.restore(read_fields(fields_of(node), misfit.field), node)
        if is_dict(node):
            if record.checks_itself:
                return record.construct(read_any(node))
            return record.construct(read_fields(record.fields_in(node), misfit.key))
        items = items_of(node)
        if items is not None and issubclass(record.cls, tuple):
            return record.construct(dict(zip(record.names, read_items(items, read_any), strict=False)))
        value = read_any(node)
        if isinstance(value, record.cls):
            return value
        raise Misfit(mismatch(value, record.cls.__qualname__))

    return read


def _filled(hints: Mapping[str, Any], cls: type, arguments: tuple[Any, ...]) -> dict[str, Any]:
    """The annotations, with what a generic class was given in place of its variables."""
    given = dict(zip(getattr(cls, "__parameters__", ()), arguments, strict=False))
    return {name: _fill(hint, given) for name, hint in hints.items()}


def _fill(hint: Any, given: dict[Any, Any]) -> Any:
    if isinstance(hint, TypeVar):
        return given.get(hint, Any)
    places: tuple[Any, ...] = getattr(hint, "__parameters__", ()) if get_origin(hint) is not None else ()
    return hint[tuple(given.get(place, Any) for place in places)] if places else hint
