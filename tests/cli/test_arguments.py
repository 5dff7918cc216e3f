"""JSON from the command line; arguments as they are recorded."""

import io
import sys

import pytest

from perdure.cli.arguments import encoded_arguments, json_value
from perdure.codec.node import MAX_DEPTH
from perdure.codec.value import decode
from perdure.errors import EncodeError, UsageError


def fed(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


@pytest.mark.parametrize(
    ("text", "recorded"),
    [
        (None, b"{}"),
        ("{}", b"{}"),
        ("[]", b"[]"),
        ('{"name": "Ann", "n": [1, 2.5, null, true]}', b'{"name":"Ann","n":[1,2.5,null,true]}'),
        ('["Ann", {"a": 1}]', b'["Ann",{"a":1}]'),
        ('["NaN", "a\\"Infinity"]', b'["NaN","a\\"Infinity"]'),
    ],
)
def test_plain_json_is_recorded_as_it_is(text: str | None, recorded: bytes) -> None:
    assert encoded_arguments(text) == recorded


def test_a_dollar_is_data_never_a_tag() -> None:
    recorded = encoded_arguments('{"order": {"$": "dt", "v": "2026-01-01"}}')
    assert decode(recorded) == {"order": {"$": "dt", "v": "2026-01-01"}}
    assert decode(encoded_arguments('[{"$": "dt"}]')) == [{"$": "dt"}]


def test_a_number_that_json_readers_round_is_kept() -> None:
    assert decode(encoded_arguments(f"[{2**70}]")) == [2**70]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the JSON is invalid at line 1, column 1: Expecting value"),
        ('{"a": ', "the JSON is invalid at line 1, column 7: Expecting value"),
        ('{"a": 1,\n "b" 2}', "the JSON is invalid at line 2, column 6: Expecting ':' delimiter"),
        ('["NaN",\n  NaN]', "the JSON is invalid at line 2, column 3: NaN is no JSON"),
        ('["\\"", -Infinity]', "the JSON is invalid at line 1, column 8: -Infinity is no JSON"),
        ("[" * 100_000, "the JSON is nested too deeply"),
    ],
)
def test_what_is_no_json(text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        encoded_arguments(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("text", "kind"), [('"Ann"', "a text"), ("3", "a number"), ("2.5", "a number"), ("null", "null"), ("true", "true")]
)
def test_json_of_another_shape(text: str, kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        encoded_arguments(text)
    assert str(caught.value) == (
        f'the JSON is {kind}: write the arguments as an object by name, {{"name": "Ann"}}, '
        'or as an array by position, ["Ann"]'
    )


def test_what_cant_be_recorded_is_named() -> None:
    deep = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    with pytest.raises(EncodeError) as caught:
        encoded_arguments(f'{{"name": {deep}}}')
    assert caught.value.path.startswith("name[0]")


def test_half_of_a_surrogate_pair_is_kept() -> None:
    assert decode(encoded_arguments('["\\ud800"]')) == ["\ud800"]


def test_a_number_of_thousands_of_digits() -> None:
    with pytest.raises(UsageError, match=r"^the JSON can't be read: Exceeds the limit"):
        encoded_arguments("[" + "9" * 5000 + "]")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    fed(monkeypatch, b'\xef\xbb\xbf{"name": "\xc3\x84nn"}\n')
    assert encoded_arguments("-") == '{"name":"Änn"}'.encode()


def test_what_is_wrong_with_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    fed(monkeypatch, b'{"a": 1,\n')
    with pytest.raises(UsageError) as caught:
        encoded_arguments("-")
    assert str(caught.value).startswith("the JSON of standard input is invalid at line ")
    fed(monkeypatch, b'{"a":\n "\xff"}')
    with pytest.raises(UsageError) as caught:
        encoded_arguments("-")
    assert str(caught.value) == "standard input is not UTF-8: line 2, byte 9"


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ("null", None), ("3", 3), ('"Ann"', "Ann"), ("[1]", [1]), ('{"$": 1}', {"$": 1})]
)
def test_any_json(text: str | None, value: object) -> None:
    assert json_value(text) == value


def test_any_json_of_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    fed(monkeypatch, b"true\n")
    assert json_value("-") is True
    fed(monkeypatch, b"")
    with pytest.raises(UsageError, match=r"^the JSON of standard input is invalid at line 1, column 1: "):
        json_value("-")
