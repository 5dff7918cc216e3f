from enum import Enum
from typing import Any, Literal

import pytest

from perdure.codec.value import decode, encode
from perdure.errors import DecodeError
from tests.codec.samples import Colour, Level, Pair


class Open(Enum):
    KNOWN = 1

    @classmethod
    def _missing_(cls, value: object) -> Any:
        if value == "other":
            return cls.KNOWN
        raise OSError(value)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (Literal["a", "b"], "b"),
        (Literal[1, None], None),
        (Literal[True], True),
        (Literal[Colour.RED, "a"], Colour.RED),
        (Literal[Colour.RED, "a"], "a"),
        (Pair, Pair.ONE),
        (Open, Open.KNOWN),
    ],
)
def test_a_choice(type_: Any, value: object) -> None:
    back = decode(encode(value, "x"), type_)
    assert back == value
    assert type(back) is type(value)


def test_plain_json_names_a_member_by_its_value() -> None:
    assert decode(b'"red"', Literal[Colour.RED]) is Colour.RED
    assert decode(b'"other"', Open) is Open.KNOWN
    assert decode(b"2", Level) is Level.HIGH


def test_a_renamed_enum_still_loads() -> None:
    assert decode(b'{"$":"enum","type":"old:Color","v":"red"}', Colour) is Colour.RED
    assert decode(b'{"$":"enum","type":"old:Color","v":"red"}', Literal[Colour.RED]) is Colour.RED
    assert decode(b'{"$":"enum","type":"old:Color","v":"red"}') == "red"


@pytest.mark.parametrize(
    ("type_", "data", "reason"),
    [
        (Literal["a", "b"], b'"c"', "it is 'c', where the annotation asks for 'a' or 'b'"),
        (Literal[1], b"true", "it is True, where the annotation asks for 1"),
        (Literal[Colour.RED], b'"green"', "it is 'green', where the annotation asks for <Colour.RED: 'red'>"),
        (Colour, b'{"$":"enum","type":"old:C"}', "it is None, which is the value of no Colour"),
        (Open, b"2", "it is 2, which is the value of no Open"),
        (Colour, b"[[]]", "it is [[]], which is the value of no Colour"),
    ],
)
def test_no_choice(type_: Any, data: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data, type_)
    assert caught.value.reason == reason
