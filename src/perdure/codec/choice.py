"""Reading one of a few named values: enums and Literals. A member is known by its value, so renames are free."""

from contextlib import suppress
from enum import Enum
from typing import Any

from perdure.codec import trust
from perdure.codec.container import ReaderOf
from perdure.codec.misfit import Misfit
from perdure.codec.node import Node, Reader, name_in, shown, tag_of


def member(cls: type[Enum], value: object) -> Enum:
    try:
        return cls(value)
    except Exception:  # a ValueError, or what a _missing_ raises
        raise Misfit(f"it is {shown(value)}, which is the value of no {cls.__qualname__}") from None


def enum_reader(cls: type[Enum], reader_of: ReaderOf) -> Reader:
    read_any = reader_of(Any)

    def read(node: Node) -> Any:
        if tag_of(node) == "enum":
            return member(trust.resolve_below(cls, name_in(node)) or cls, read_any(node.get("v")))
        value = read_any(node)
        return value if isinstance(value, cls) else member(cls, value)

    return read


def literal_reader(choices: tuple[Any, ...], reader_of: ReaderOf) -> Reader:
    read_any = reader_of(Any)
    enums = [reader_of(cls) for cls in {type(choice): None for choice in choices if isinstance(choice, Enum)}]

    def read(node: Node) -> Any:
        value = read_any(node)
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        for read_member in enums:
            with suppress(Misfit):
                found = read_member(node)
                if found in choices:
                    return found
        raise Misfit(f"it is {shown(value)}, where the annotation asks for {' or '.join(map(shown, choices))}")

    return read
