from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from perdure.codec.arguments import decode_arguments, encode_arguments
from perdure.codec.node import MAX_BYTES
from perdure.errors import DecodeError, EncodeError
from tests.codec.samples import Line, Tree


def test_arguments_are_an_object_by_name() -> None:
    data = encode_arguments({"count": 1, "names": ("a",)})
    assert data == b'{"count":1,"names":{"$":"tuple","v":["a"]}}'
    assert decode_arguments(data, {}) == {"count": 1, "names": ("a",)}
    assert decode_arguments(data, {"names": list[str], "unknown": int}) == {"count": 1, "names": ["a"]}
    assert decode_arguments(Raw(data), {}) == decode_arguments(data, {})


anything = st.none() | st.integers() | st.text(st.characters(exclude_categories=[])) | st.binary()


@given(st.dictionaries(st.text(), anything))
def test_whatever_their_names(values: dict[str, object]) -> None:
    assert decode_arguments(encode_arguments(values), {}) == values


def test_no_arguments() -> None:
    assert encode_arguments({}) == b"{}"
    assert decode_arguments(b"{}", {"a": int}) == {}


def test_plain_json_fits_annotations() -> None:
    assert decode_arguments(b'{"line":{"sku":"a"},"ratio":1}', {"line": Line, "ratio": float}) == {
        "line": Line("a"),
        "ratio": 1.0,
    }


def test_a_path_begins_with_the_arguments_name() -> None:
    with pytest.raises(EncodeError) as encoding:
        encode_arguments({"n": 1, "order": {"conn": object()}})
    assert encoding.value.path == 'order["conn"]'
    with pytest.raises(DecodeError) as decoding:
        decode_arguments(b'{"order":{"sku":1}}', {"order": Line})
    assert str(decoding.value) == ('order["sku"] can\'t be read back: it is an int, where the annotation asks for str')


def test_a_cycle_in_an_argument() -> None:
    tree = Tree("a")
    tree.children.append(tree)
    with pytest.raises(EncodeError) as caught:
        encode_arguments({"tree": tree})
    assert caught.value.path == "tree.children[0]"


def test_the_limit_of_size_holds_for_all_together() -> None:
    half = "x" * (MAX_BYTES // 2)
    for more in ({}, {"c": (1,)}):
        with pytest.raises(EncodeError) as caught:
            encode_arguments({"a": half, "b": half, **more})
        assert str(caught.value) == (
            "arguments can't be recorded: it takes 16.0 MiB and the limit is 16 MiB: keep it elsewhere and record "
            "where it is"
        )


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b'{"a":', b'{"a":' + b"[" * 100_000])
def test_what_is_no_object(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^arguments can't be read back: they are no JSON object by name \("):
        decode_arguments(data, {"a": Any})
