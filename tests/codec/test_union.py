from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import permutations
from typing import Annotated, Any, Literal, Union

import msgspec
import pytest

from perdure.codec.value import decode, encode
from perdure.errors import DecodeError
from tests.codec.samples import Cat, Circle, Colour, Declined, Dog, Level, Line, Place, Size, Square, same


@pytest.mark.parametrize(
    ("members", "value"),
    [
        ((int, str, None), None),
        ((int, str, float), 1),
        ((int, str, float), 1.0),
        ((str, datetime), "2026-01-02T00:00:00"),
        ((str, datetime), datetime(2026, 1, 2)),
        ((date, datetime), datetime(2026, 1, 2)),
        ((date, datetime), date(2026, 1, 2)),
        ((list[int], tuple[int, ...], set[int]), (1,)),
        ((list[int], tuple[int, ...], set[int]), {1}),
        ((dict[str, Any], Line), {"sku": "a"}),
        ((dict[str, Any], Line), Line("a")),
        ((Cat, Dog), Dog("a")),
        ((Cat, Dog), Cat("a")),
        ((Circle, Square), Square(1)),
        ((Colour, str), "red"),
        ((Colour, str), Colour.RED),
        ((Size, str), Size.S),
        ((Level, int, str), Level.LOW),
        ((Literal["a", 1], bool), True),
        ((Decimal, float), Decimal(1)),
        ((Place, tuple[str, int]), Place("a", 1)),
        ((Place, tuple[str, int]), ("a", 1)),
        ((Exception, int), 5),
        ((Annotated[Cat, 1], Annotated[Dog, 2]), Dog("a")),
    ],
)
def test_what_was_recorded_as_a_member_comes_back_as_it_in_any_order(members: tuple[Any, ...], value: object) -> None:
    for order in permutations(members):
        assert same(decode(encode(value, "x"), Union[order]), value)  # noqa: UP007


@pytest.mark.parametrize(
    ("type_", "json", "value"),
    [
        (Cat | Dog, {"name": "a", "lives": 3}, Cat("a", 3)),
        (Cat | Dog, {"name": "a", "tricks": []}, Dog("a")),
        (Dog | Cat, {"name": "a"}, Cat("a")),
        (Circle | Square, {"type": "square", "size": 1}, Square(1)),
        (datetime | int, "2026-01-02T00:00:00", datetime(2026, 1, 2)),
        (Colour | None, "red", Colour.RED),
    ],
)
def test_plain_json_goes_where_the_least_is_lost(type_: Any, json: object, value: object) -> None:
    assert decode(msgspec.json.encode(json), type_) == value


def test_exceptions() -> None:
    back = decode(encode(Declined(1, reason="r"), "x"), Declined | Line)
    assert type(back) is Declined
    assert type(decode(encode(ValueError("x"), "x"), int | Exception)) is ValueError


def test_a_renamed_class_goes_where_the_least_is_lost() -> None:
    @dataclass
    class Tiger:
        name: str
        lives: int = 9

    data = encode(Tiger("a", 3), "x")
    assert decode(data, Dog | Cat) == decode(data, Cat | Dog) == Cat("a", 3)


@pytest.mark.parametrize(
    ("type_", "value", "sentence"),
    [
        (int | str, 1.5, "result can't be read back: it is a float, where the annotation asks for int | str"),
        (int | str, None, "result can't be read back: it is None, where the annotation asks for int | str"),
        (list[int] | int | None, ["a"], "result[0] can't be read back: it is a str, where the annotation asks for int"),
        (
            Literal["a"] | list[int],
            5,
            "result can't be read back: it is an int, where the annotation asks for typing.Literal['a'] | list[int]",
        ),
        (Cat | Dog | None, Cat("a", "b"),
            "result.lives can't be read back: it is a str, where the annotation asks for int"),
    ],
)  # fmt: skip
def test_what_fits_no_member(type_: Any, value: object, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(encode(value, "x"), type_)
    assert str(caught.value) == sentence
