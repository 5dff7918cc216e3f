"""The table of chunks: what a client can take, and how what it can't take still has its index."""

import json
from typing import Any

import pytest

from perdure.chat.chunk import DISGUISED, KINDS, TABLE, UIMessageChunk, bare, encoded, flaw, sound

EXAMPLES: dict[type, Any] = {str: "x", bool: True, dict: {"p": {"k": 1}}, object: {"any": [None]}}


def example(kind: str) -> UIMessageChunk:
    """A chunk of this type with all of its fields."""
    values = {field.name: EXAMPLES[field.kind] for field in TABLE[kind]}
    if kind == "finish":
        values["finishReason"] = "stop"
    return {"type": kind.replace("*", "weather"), **values}


@pytest.mark.parametrize("kind", TABLE)
def test_each_chunk_goes_out_as_it_is(kind: str) -> None:
    chunk = example(kind)
    assert flaw(chunk) is None
    assert bare(chunk) == chunk
    assert json.loads(encoded(chunk, 7)) == chunk


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, field.name) for kind in TABLE for field in TABLE[kind] if field.required]
)
def test_what_a_chunk_needs(kind: str, name: str) -> None:
    chunk = example(kind)
    del chunk[name]
    assert flaw(chunk) == f"{chunk['type']} needs {name}"


@pytest.mark.parametrize(("kind", "name"), [(kind, field.name) for kind in TABLE for field in TABLE[kind]])
def test_null_is_a_value_where_anything_goes_and_nothing_elsewhere(kind: str, name: str) -> None:
    chunk = {**example(kind), name: None}
    [field] = [field for field in TABLE[kind] if field.name == name]
    if field.kind is object:
        assert (flaw(chunk), json.loads(encoded(chunk, 7))) == (None, chunk)
    elif field.required:
        assert flaw(chunk) == f"{chunk['type']}'s {name} is a NoneType"
    else:
        assert flaw(chunk) is None
        assert name not in json.loads(encoded(chunk, 7))


def test_no_client_meets_a_field_that_it_does_not_know() -> None:
    assert bare({"type": "text-delta", "id": "1", "delta": "x", "mine": 1}) == {
        "type": "text-delta",
        "id": "1",
        "delta": "x",
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("text", "it is no object"),
        ({}, "there is no chunk of type None"),
        ({"type": "tool-nothing"}, "there is no chunk of type 'tool-nothing'"),
        ({"type": 7}, "there is no chunk of type 7"),
        ({"type": "text-delta", "id": "1", "delta": 5}, "text-delta's delta is a int"),
        ({"type": "text-start", "id": "1", "providerMetadata": "x"}, "text-start's providerMetadata is a str"),
        ({"type": "finish", "finishReason": "interrupted"}, "finish has no finishReason 'interrupted'"),
    ],
)
def test_what_no_client_can_take_keeps_its_index(value: object, reason: str) -> None:
    """Unknown types are fatal to a client, one that is left out would shift all others."""
    assert flaw(value) == reason
    told = json.loads(encoded(value, 7))
    assert told == {"type": "data-unreadable", "data": {"reason": reason}, "transient": True}
    assert flaw(told) is None


def test_our_own_have_no_flaws() -> None:
    assert sound([{"type": "finish", "finishReason": None}]) == [{"type": "finish"}]
    with pytest.raises(AssertionError, match="the chat wire: error needs errorText"):
        sound([{"type": "error"}])


@pytest.mark.parametrize(
    ("chunk", "data"),
    [
        ({"type": "reset-step"}, {"attempt": 3}),
        (
            {"type": "tool-approval-response", "approvalId": "a", "approved": False, "reason": None},
            {"approvalId": "a", "approved": False},
        ),
    ],
)
def test_what_came_with_7_is_data_to_6(chunk: UIMessageChunk, data: Any) -> None:
    assert json.loads(encoded(chunk, 6, 3)) == {"type": f"data-{chunk['type']}", "data": data, "transient": True}
    assert json.loads(encoded(chunk, 7, 3)) == bare(chunk)


def test_the_table_names_nothing_else() -> None:
    named = {field.name for fields in TABLE.values() for field in fields}
    assert named >= KINDS.keys(), "a kind for a field that no chunk has"
    assert TABLE.keys() >= DISGUISED
