"""Pieces of an OpenAPI document."""

from perdure.http.schema import TEXT, answer_of, header, json_of, object_of, parameter, reference, refusals


def test_pieces() -> None:
    assert object_of({"a": TEXT, "b": TEXT})["required"] == ["a", "b"]
    assert object_of({"a": TEXT, "b": TEXT}, ("a",))["required"] == ["a"]
    assert object_of({"a": TEXT}, ())["required"] == []
    assert parameter("path", "id", "which")["required"]
    assert not parameter("query", "limit", "how many")["required"]
    assert answer_of(202, "it is", json_of(TEXT)) == {
        "202": {"description": "it is", "content": {"application/json": {"schema": {"type": "string"}}}}
    }
    told = answer_of(200, "it is", {}, {"x-id": header("whose it is")})["200"]
    assert told["headers"] == {"x-id": {"description": "whose it is", "schema": TEXT}}
    assert list(refusals(503, 400)) == ["400", "503"]
    assert refusals(404)["404"]["content"]["application/problem+json"]["schema"] == reference("Problem")
