from typing import Any

import pytest

from perdure.codec import trust
from perdure.codec.value import decode
from perdure.errors import DecodeError
from tests.codec.samples import Box, Cat, Counted, Line, Open, Place

trust.trust_module("tests.codec.samples")


@pytest.mark.parametrize(
    ("type_", "data", "sentence"),
    [
        (Line, b'{"$":"obj","v":1}', "result can't be read back: what its tag 'obj' holds is no object"),
        (Any, b'{"$":"obj","type":"x:y"}', "result can't be read back: what its tag 'obj' holds is no object"),
        (Line, b'{"$":"set","v":[]}', "result can't be read back: it is a set, where the annotation asks for Line"),
        (
            Line,
            b'{"$":"obj","type":5,"v":{"sku":5}}',
            "result.sku can't be read back: it is an int, where the annotation asks for str",
        ),
        (
            Any,
            b'{"$":"obj","type":"tests.codec.samples:Line","v":{"sku":5}}',
            "result.sku can't be read back: it is an int, where the annotation asks for str",
        ),
        (Line, b'{"sku":5}', "result[\"sku\"] can't be read back: it is an int, where the annotation asks for str"),
        (Box[int], b'{"content":"a"}',
            "result[\"content\"] can't be read back: it is a str, where the annotation asks for int"),
        (Place, b"[]",
            "result can't be read back: it has no field 'street', and Place has no default for it: give it one"),
    ],
)  # fmt: skip
def test_what_does_not_fit(type_: Any, data: bytes, sentence: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data, type_)
    assert str(caught.value) == sentence


def test_plain_json_is_constructed_and_what_was_recorded_restored() -> None:
    assert decode(b'{"count":1}', Counted).count == 2
    assert decode(b'{"$":"obj","type":"x:y","v":{"count":1}}', Counted).count == 1


def test_a_dict_with_odd_keys_is_no_object() -> None:
    with pytest.raises(DecodeError):
        decode(b'{"$":"map","v":[["sku","a"]]}', Line)


def test_unknown_fields_are_kept_only_where_the_model_wants_them() -> None:
    assert decode(b'{"name":"a","more":{"$":"newer"}}', Cat) == Cat("a")
    assert decode(b'{"id":1,"more":{"$":"set","v":[1]}}', Open).model_extra == {"more": {1}}


def test_a_generic_class_without_arguments() -> None:
    assert decode(b'{"content":"a"}', Box) == Box("a")
