"""Frames: what a chunk holds can't break them."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perdure.codec.value import encode
from perdure.http.frame import NDJSON, SSE, Events, Lines, Named, event, framing_of, plain
from perdure.world.stream import Chunk


def chunk(value: object, index: int = 0) -> Chunk:
    return Chunk(index=index, data=encode(value, "chunk"), step_id=None, attempt=0)


def test_a_line_is_the_value() -> None:
    assert Lines().frame(chunk({"n": 1})) == b'{"n":1}\n'


def test_an_event_has_its_index() -> None:
    assert Events().frame(chunk("a", 7)) == b'id: 7\ndata: "a"\n\n'


@pytest.mark.parametrize("value", [{"a": "x\n\nevent: evil"}, "\u2028", "half \ud800", 2**70])
def test_an_event_with_a_name_is_one_line_of_json(value: object) -> None:
    name, data, *rest = Named().frame(("runs", value)).decode().split("\n")
    assert (name, rest) == ("event: runs", ["", ""])
    assert json.loads(data.removeprefix("data: ")) == value


@pytest.mark.parametrize("data", [b"a\nb", b"a\r\nb", b"a\rb"])
def test_data_of_several_lines_stays_data(data: bytes) -> None:
    assert event(data, 0) == b"id: 0\ndata: a\ndata: b\n\n"


def test_data_cant_be_a_field() -> None:
    assert event(b"x\n\nid: 9\nevent: evil", 1) == b"id: 1\ndata: x\ndata: \ndata: id: 9\ndata: event: evil\n\n"


@given(st.text(st.characters(codec="utf-8")) | st.dictionaries(st.text(), st.text()))
def test_no_text_ends_a_line(value: Any) -> None:
    """Not even for clients that split as Python's `splitlines` does."""
    line = Lines().frame(chunk(value)).decode()
    assert line.splitlines() == [line[:-1]]
    if "$" not in value:
        assert msgspec.json.decode(line) == value
    assert len(Events().frame(chunk(value)).decode().splitlines()) == 3


@pytest.mark.parametrize(
    ("value", "json"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), b'"2026-01-01T00:00:00Z"'),
        (Decimal("1.5"), b'"1.5"'),
        (b"\x00\xff", b'"AP8="'),
        ({"$": "dt", "v": "x"}, b'{"$":"dt","v":"x"}'),
        ({"at": {1, 2}}, b'{"at":[1,2]}'),
        (float("nan"), b"null"),
    ],
)
def test_no_tag_goes_out(value: object, json: bytes) -> None:
    assert plain(encode(value, "chunk")) == json


def test_what_isnt_known_here_goes_out_as_it_was_recorded() -> None:
    assert plain(b'{"$":"of-tomorrow","v":1}') == b'{"$":"of-tomorrow","v":1}'


def test_a_foreign_worlds_white_space_is_taken_out() -> None:
    assert plain(b'{\n "a": 1\r\n}') == b'{"a":1}'


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", NDJSON),
        ("*/*", NDJSON),
        ("application/json", NDJSON),
        ("text/event-stream", SSE),
        ("Text/Event-Stream; q=0.5, */*", SSE),
        ("text/event-stream, application/x-ndjson", SSE),
        ("text/event-stream;q=0.5, application/x-ndjson", NDJSON),
        ("text/event-stream;q=0", NDJSON),
        ("text/event-stream;q=x", NDJSON),
        (";;,,q=;", NDJSON),
    ],
)
def test_accept_chooses(accept: str, kind: str) -> None:
    assert framing_of(accept).media_type == kind
