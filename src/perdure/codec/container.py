"""Reading what holds other values, directed by an annotation: sequences, sets, dicts, TypedDicts.

A concrete annotation decides (`list[int]` makes a list, of a tuple too); an abstract one (`Sequence[int]`) keeps what
was recorded. `reader_of` comes in as an argument: it is the reader's, and knows these.
"""

from collections import OrderedDict, defaultdict
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
    Set,
)
from typing import Any, cast

import msgspec
from typing_extensions import get_type_hints

from perdure.codec import misfit
from perdure.codec.misfit import Misfit
from perdure.codec.node import Node, Reader, class_text, tag_of
from perdure.codec.scalar import mismatch

ReaderOf = Callable[[Any], Reader]

SERIES: dict[str, Callable[[list[Any]], Any]] = {"tuple": tuple, "set": set, "frozenset": frozenset}
"""The tags of what is a list in JSON, and how each is made of its items."""

_MAKE: dict[type, Callable[[list[Any]], Any]] = {
    list: list,
    MutableSequence: list,
    set: set,
    MutableSet: set,
    frozenset: frozenset,
}
_ABSTRACT: tuple[type, ...] = (Sequence, Collection, Iterable, Set)
SEQUENCES = frozenset((*_MAKE, *_ABSTRACT, tuple))
MAPPINGS = frozenset((dict, Mapping, MutableMapping, OrderedDict, defaultdict))


def items_of(node: Node) -> list[Node] | None:
    """The items of a list, tuple or set as it stands in JSON; None for another node."""
    if type(node) is list:
        return cast("list[Node]", node)
    items: object = node["v"] if tag_of(node) in SERIES and "v" in node else None
    return cast("list[Node]", items) if isinstance(items, list) else None


def read_items(nodes: list[Node], read: Reader) -> list[Any]:
    values: list[Any] = []
    for position, node in enumerate(nodes):
        try:
            values.append(read(node))
        except Misfit as error:
            error.within(misfit.index(position))
            raise
    return values


def read_series(tag: Any, node: Node, read_any: Reader) -> Any:
    """A tagged tuple or set, by its tag alone."""
    items = items_of(node)
    if items is None:
        raise Misfit(f"what its tag {tag!r} holds is no list")
    return _made(SERIES[tag], read_items(items, read_any))


def _made(make: Callable[[list[Any]], Any], items: list[Any]) -> Any:
    return make(items if make in (list, tuple) else [_hashable(item) for item in items])


def _hashable(value: Any) -> Any:
    try:
        hash(value)
    except TypeError as error:  # an object whose class isn't known here is a dict, which can be neither
        raise Misfit(f"one of its members or keys can't be one ({error}): is its class registered here?") from None
    return value


def sequence_reader(origin: type, arguments: tuple[Any, ...], reader_of: ReaderOf) -> Reader:
    """For lists, sets, and the abstract kinds of them."""
    read_item = reader_of(arguments[0] if arguments else Any)
    read_any = reader_of(Any)

    def read(node: Node) -> Any:
        items = items_of(node)
        if items is None:
            value = read_any(node)
            if isinstance(value, origin):
                return value
            raise Misfit(mismatch(value, class_text(origin).removeprefix("collections.abc.")))
        make = _MAKE.get(origin) or SERIES.get(cast("str", tag_of(node)), set if origin is Set else list)
        return _made(make, read_items(items, read_item))

    return read


def tuple_reader(arguments: tuple[Any, ...], reader_of: ReaderOf) -> Reader:
    """`tuple`, `tuple[int, ...]`, or one annotation for each place."""
    if not arguments or arguments[-1] is Ellipsis:
        same = sequence_reader(list, arguments[:1], reader_of)
        return lambda node: tuple(same(node))
    places = [reader_of(argument) for argument in arguments if argument != ()]

    def read(node: Node) -> Any:
        items = items_of(node)
        if items is None:
            value = reader_of(Any)(node)
            if isinstance(value, tuple):  # a NamedTuple
                return cast("Any", value)
            raise Misfit(mismatch(value, "tuple"))
        if len(items) != len(places):
            raise Misfit(f"it has {len(items)} items, where the annotation asks for {len(places)}")
        values: list[Any] = []
        for position, (place, item) in enumerate(zip(places, items, strict=True)):
            try:
                values.append(place(item))
            except Misfit as error:
                error.within(misfit.index(position))
                raise
        return tuple(values)

    return read


def pairs_of(node: Node, read_key: Reader) -> list[tuple[Any, Node]]:
    """The pairs of a dict, its keys read, however it was written."""
    if tag_of(node) != "map":
        return [(read_key(key), item) for key, item in node.items()]
    try:
        pairs = [(key, item) for key, item in node["v"]]
    except (KeyError, TypeError, ValueError):
        raise Misfit("what its tag 'map' holds is no list of pairs") from None
    return [(_hashable(read_key(key)), item) for key, item in pairs]


def read_pairs(pairs: Iterable[tuple[Any, Node]], read_of: Callable[[Any], Reader]) -> dict[Any, Any]:
    """`read_of`: the reader of the item under a key."""
    values: dict[Any, Any] = {}
    for key, item in pairs:
        try:
            values[key] = read_of(key)(item)
        except Misfit as error:
            error.within(misfit.key(key))
            raise
    return values


def is_dict(node: Node) -> bool:
    """Whether a node stands for a dict."""
    return type(node) is dict and tag_of(node) in (None, "map")


def mapping_reader(arguments: tuple[Any, ...], reader_of: ReaderOf) -> Reader:
    """For dicts, and the abstract kinds of them: always a dict."""
    key_type, item_type = arguments if len(arguments) == 2 else (Any, Any)
    read_key, read_item, read_any = reader_of(key_type), reader_of(item_type), reader_of(Any)
    if key_type is int:  # plain JSON has texts for keys
        read_key = _read_int_key

    def read(node: Node) -> Any:
        if not is_dict(node):
            raise Misfit(mismatch(read_any(node), "dict"))
        return read_pairs(pairs_of(node, read_key), lambda _: read_item)

    return read


def _read_int_key(node: Node) -> int:
    try:
        return msgspec.convert(node, int, strict=False)
    except msgspec.ValidationError:
        raise Misfit("one of its keys is no int") from None


def typed_dict_reader(cls: Any, reader_of: ReaderOf) -> Reader:
    """A TypedDict is a dict: keys that it doesn't name stay."""
    readers = {name: reader_of(hint) for name, hint in get_type_hints(cls).items()}
    read_any = reader_of(Any)

    def read(node: Node) -> Any:
        if not is_dict(node):
            raise Misfit(mismatch(read_any(node), cls.__qualname__))
        values = read_pairs(pairs_of(node, read_any), lambda key: readers.get(key, read_any))
        for name in sorted(cls.__required_keys__):
            if name not in values:
                raise Misfit(f"it has no key {name!r}, and {cls.__qualname__} requires it")
        return values

    return read
