"""Pieces of an OpenAPI document."""

from perdure.http.schema import TEXT, answer_of, json_of, object_of, parameter, refusals


def test_pieces() -> None:
    assert object_of({"a": TEXT, "b": TEXT})["required"] == ["a", "b"]
    assert object_of({"a": TEXT, "b": TEXT}, ("a",))["required"] == ["a"]
    assert parameter("path", "id", "which")["required"]
    assert not parameter("query", "limit", "how many")["required"]
    assert answer_of(202, "it is", json_of(TEXT)) == {
        "202": {"description": "it is", "content": {"application/json": {"schema": {"type": "string"}}}}
    }
    assert list(refusals(503, 400)) == ["400", "503"]
