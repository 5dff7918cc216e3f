"""Plain JSON: what strangers read."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from perdure.api.plain import json_line, plain_json, plain_value
from perdure.codec.value import encode


@dataclass
class Point:
    x: int
    at: datetime


def test_a_recorded_value_loses_its_tags() -> None:
    point = Point(1, datetime(2026, 1, 2, tzinfo=UTC))
    assert plain_value(encode({"points": [point], "sum": Decimal("1.50")}, "chunk")) == {
        "points": [{"x": 1, "at": "2026-01-02T00:00:00Z"}],
        "sum": "1.50",
    }


def test_plain_things_stay() -> None:
    for value in (None, True, 1, 1.5, "text", [1, [2]], {"a": {"b": 1}}):
        assert plain_value(encode(value, "chunk")) == plain_json(value) == value


def test_what_is_unknown_here_is_shown_as_it_was_recorded() -> None:
    assert plain_value(b'{"$":"of tomorrow","v":1}') == {"$": "of tomorrow", "v": 1}


def test_a_moment_is_a_text() -> None:
    assert plain_json(datetime(2026, 1, 2, tzinfo=UTC)) == "2026-01-02T00:00:00Z"


def test_a_line_holds_what_json_texts_can_and_what_they_cannot() -> None:
    assert json_line({"a": [1, "ü"]}) == '{"a":[1,"ü"]}'
    assert json_line(2**70) == "1180591620717411303424"
    assert json_line("half \ud800") == '"half \\ud800"'
    assert "\n" not in json_line("two\nlines")
