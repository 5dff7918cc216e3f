import asyncio
from enum import Enum

import pytest

from perdure.codec.misfit import Misfit
from perdure.codec.node import TOO_DEEP
from perdure.codec.writer import write
from tests.codec.samples import Line, Place


def test_plain_values_are_their_own_nodes() -> None:
    for value in (None, True, 5, 1.5, "a"):
        assert write(value) is value


def test_room_is_counted_in_values() -> None:
    assert write([[1]], 2) == [[1]]
    with pytest.raises(Misfit) as caught:
        write([[1]], 1)
    assert (caught.value.reason, caught.value.path("x")) == (TOO_DEEP, "x[0]")


def test_an_enum_that_holds_what_cannot_be_written() -> None:
    class Odd(Enum):
        A = object()

    with pytest.raises(Misfit) as caught:
        write([Odd.A])
    assert caught.value.path("x") == "x[0].value"


def test_a_class_is_written_under_its_name() -> None:
    assert write(Place("a")) == {"$": "obj", "type": "tests.codec.samples:Place", "v": {"street": "a", "number": 1}}


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (len, "it is a builtin_function_or_method, which is none of"),
        (Line, "it is a type, which is none of"),
        (iter([]), "it is a list_iterator, which is none of"),
        (asyncio.Lock(), "it is an asyncio.locks.Lock, which is none of"),
    ],
)
def test_what_is_none_of_the_types(value: object, start: str) -> None:
    with pytest.raises(Misfit) as caught:
        write(value)
    assert caught.value.reason.startswith(start)
