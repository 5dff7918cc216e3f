"""Annotations as users write them. What each kind of them means in detail is tested beside its module."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, NewType, Protocol, Self, TypeVar

import msgspec
import pydantic
import pytest
from typing_extensions import ReadOnly, TypeAliasType

from perdure.codec.value import decode, encode
from perdure.errors import DecodeError
from tests.codec.samples import (
    Animal,
    Box,
    Colour,
    Dog,
    Level,
    Line,
    Model,
    Order,
    Place,
    Right,
    Size,
    Struct,
    Tree,
)  # fmt: skip

T = TypeVar("T")
UserId = NewType("UserId", str)
Lines = TypeAliasType("Lines", list[Line])
Many = TypeAliasType("Many", list[T], type_params=(T,))
# As `type Json = …` is from Python 3.12 on: evaluated when it is asked for, and so able to contain itself.
Json = type("TypeAliasType", (), {"__value__": property(lambda self: dict[str, self] | list[self] | set[int] | None)})()


def as_json(value: object) -> bytes:
    return msgspec.json.encode(value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (int, 5), (str, "a"), (bool, True), (float, 1.5), (type(None), None), (None, None), (bytes, b"a"),
        (Path, Path("a")),
        (object, {1}), (Any, (1,)), (UserId, "u"), (Final[int], 5), (ReadOnly[int], 5),
        (Annotated[int, "unit"], 5), (Annotated[int, ["unhashable"]], 5),
        (Annotated[set[int], msgspec.Meta(min_length=9)], {1}),
        (int | None, None), (int | None, 5), (int | str, "a"), ("Forward", {1}), (T, {1}), (Self, {1}),
        (Colour, Colour.RED), (Level, Level.LOW), (Size, Size.S), (Right, Right.READ | Right.WRITE),
        (list[Line], [Line("a")]), (Lines, [Line("a")]), (Many[Line], [Line("a")]),
        (dict[str, Order], {"a": Order("a", [])}),
        (Box[Line], Box(Line("a"), [Line("b")])), (Box, Box({1})), (Json, {"a": [{"b": None}, {1}]}),
        (tuple[Line, ...], (Line("a"),)), (Tree, Tree("a", [Tree("b")])), (Animal, Dog("a", ["sit"])),
    ],
)  # fmt: skip
def test_an_annotation_that_fits(type_: Any, value: object) -> None:
    back = decode(encode(value, "x"), type_)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    ("type_", "json", "value"),
    [
        (Order, {"id": "a", "lines": [{"sku": "x", "colour": "green"}], "due": "2026-01-02T00:00:00Z", "price": "1.5"},
         Order("a", [Line("x", 1, Colour.GREEN)], datetime(2026, 1, 2, tzinfo=UTC), Decimal("1.5"))),
        (Struct, {"name": "a", "tags": ["x"], "more": 1}, Struct("a", None, {"x"})),
        (Model, {"id": "5", "lines": [{"sku": "a"}]}, Model(id=5, lines=[Line("a")])),
        (Place, ["a", 5], Place("a", 5)),
        (Place, {"street": "a"}, Place("a")),
        (Box[date], {"content": "2026-01-02", "more": []}, Box(date(2026, 1, 2))),
        (Box[Box[Colour]], {"content": {"content": "red"}}, Box(Box(Colour.RED))),
        (Level, 2, Level.HIGH),
        (dict[int, Colour], {"1": "red"}, {1: Colour.RED}),
        (float, 3, 3.0),
        (int, 3.0, 3),
        (set[int], [1, 1], {1}),
        (bytes | None, "YQ==", b"a"),
        (Animal, {"name": "a", "tricks": ["sit"]}, Animal("a")),
    ],
)  # fmt: skip
def test_plain_json_takes_the_annotated_type(type_: Any, json: object, value: object) -> None:
    back = decode(as_json(json), type_)
    assert back == value
    assert type(back) is type(value)
    assert decode(encode(json, "x"), type_) == value  # as it comes from outside: parsed, and then recorded


@pytest.mark.parametrize("type_", [Callable[..., Any], Awaitable[int], Protocol, ABC, type("Odd", (), {}), T, "list"])
def test_what_says_nothing_about_values_is_as_any(type_: Any) -> None:
    assert decode(encode({"a": (1,)}, "x"), type_) == {"a": (1,)}


@dataclass
class Shape:
    pass


class Drawn(ABC):
    @abstractmethod
    def draw(self) -> None: ...


@dataclass
class Round(Shape, Drawn):
    radius: float

    def draw(self) -> None: ...


def test_a_base_vouches_for_what_is_below_it() -> None:
    data = encode(Round(1.5), "x")
    assert decode(data) == {"radius": 1.5}
    assert decode(data, Shape) == decode(data, Drawn) == decode(data, Round) == Round(1.5)
    assert decode(data, list[int] | Shape) == Round(1.5)


def recorded_as(name: str, value: object) -> bytes:
    """The value, as code recorded it that called its class otherwise."""
    own = f"{type(value).__module__}:{type(value).__qualname__}"
    data = encode(value, "x").replace(own.encode(), name.encode())
    assert name.encode() in data
    return data


@pytest.mark.parametrize(
    ("type_", "value"),
    [(Line, Line("a", 2)), (Struct, Struct("a")), (Place, Place("a")), (Model, Model(id=1)), (Colour, Colour.RED),
     (Dog, Dog("a", ["sit"])), (Line | None, Line("a")), (Tree | Line, Line("a")), (Colour | int, Colour.RED)],
)  # fmt: skip
def test_a_renamed_class_still_loads(type_: Any, value: object) -> None:
    assert decode(recorded_as("old.module:OldName", value), type_) == value


def test_a_class_that_became_another_kind() -> None:
    class Line(pydantic.BaseModel):
        sku: str
        size: int = 5

    @dataclass
    class Structure:
        name: str
        tags: set[str]

    assert decode(encode(Struct("a", None, {"x"}), "x"), Structure) == Structure("a", {"x"})
    assert decode(b'{"$":"obj","type":"old:Line","v":{"sku":"a","count":3}}', Line) == Line(sku="a")


def test_fields_that_came_and_went() -> None:
    data = b'{"$":"obj","type":"old:Line","v":{"sku":"a","weight":{"$":"newer","v":1}}}'
    assert decode(data, Line) == Line("a", 1, Colour.RED)


@pytest.mark.parametrize(
    ("type_", "value", "sentence"),
    [
        (int, "a", "result can't be read back: it is a str, where the annotation asks for int"),
        (str, None, "result can't be read back: it is None, where the annotation asks for str"),
        (None, 1, "result can't be read back: it is an int, where the annotation asks for NoneType"),
        (datetime, "soon", "result can't be read back: it is a str, where the annotation asks for datetime.datetime"),
        (Line, 5, "result can't be read back: it is an int, where the annotation asks for Line"),
        (Line, {}, "result can't be read back: it has no field 'sku', and Line has no default for it: give it one"),
        (
            Order,
            Order("a", [Line("a"), Line(5)]),  # pyright: ignore[reportArgumentType]
            "result.lines[1].sku can't be read back: it is an int, where the annotation asks for str",
        ),
        (
            dict[str, list[int]],
            {"a": [1, "b"]},
            'result["a"][1] can\'t be read back: it is a str, where the annotation asks for int',
        ),
        (
            Model,
            {"id": 1, "lines": [{"sku": 1}]},
            'result["lines"][0]["sku"] can\'t be read back: input should be a valid string',
        ),
        (Colour, "blue", "result can't be read back: it is 'blue', which is the value of no Colour"),
        (pydantic.HttpUrl, "x", "result can't be read back: input should be a valid URL, relative URL without a base"),
    ],
)
def test_what_does_not_fit_says_where(type_: Any, value: object, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(encode(value, "x"), type_)
    assert str(caught.value) == sentence


def test_pydantics_own_types() -> None:
    url = pydantic.TypeAdapter(pydantic.HttpUrl).validate_python("https://example.org/a")
    data = encode([url], "x")
    assert data == b'["https://example.org/a"]'
    assert decode(data, list[pydantic.HttpUrl]) == [url]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="PEP 695")
def test_the_type_statement() -> None:
    scope: dict[str, Any] = {"Line": Line}
    exec("type Lines = list[Line]\ntype Many[T] = list[T]", scope)
    assert decode(encode([Line("a")], "x"), scope["Lines"]) == [Line("a")]
    assert decode(b'[{"sku":"a"}]', scope["Many"][Line]) == [Line("a")]
