import typing
from datetime import datetime
from typing import Any

import pytest

from perdure.codec.plain import MARK, decoder_of, is_plain
from tests.codec.samples import Level, Line, Size


@pytest.mark.parametrize(
    "value", [None, True, "a", "\ud800", 0, 2**64 - 1, -(2**63), 1.5, -0.0, [], {}, {"a": [1, {"b": None}]}, [[2.5]]]
)
def test_plain(value: object) -> None:
    assert is_plain(value, 10)


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**63) - 1, float("nan"), float("inf"), (), b"", Level.LOW, Size.S, {1: 2}, {"$": 1}, {Size.S: 1}],
)
def test_not_plain(value: object) -> None:
    assert not is_plain(value, 10)
    assert not is_plain([value], 10)
    assert not is_plain({"a": value}, 10)


def test_depth() -> None:
    assert is_plain([{"a": 1}], 2)
    assert not is_plain([{"a": 1}], 1)
    assert not is_plain([{"a": []}], 2)


def test_a_tag_is_found_but_not_in_a_text() -> None:
    assert MARK in b'{"a":{"$":1}}'
    assert MARK not in rb'{"a":"x\"$\"y"}'


@pytest.mark.parametrize(
    "type_", [Any, object, str, None, list, list[int], dict[str, list[Any]], int | None, typing.List, typing.Dict]  # noqa: UP006
)  # fmt: skip
def test_types_that_json_has(type_: Any) -> None:
    assert decoder_of(type_) is not None


@pytest.mark.parametrize(
    "type_", [datetime, tuple, tuple[int], dict[int, str], list[Line], Line, int | datetime, list[int] | list[str]]
)  # fmt: skip
def test_types_that_json_does_not_have(type_: Any) -> None:
    assert decoder_of(type_) is None
