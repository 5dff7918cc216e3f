"""The OpenAPI document says what there is, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.openapi.models import OpenAPI, PathItem
from pydantic import BaseModel, ValidationError

from perdure.http import openapi, wrap
from perdure.http.path import VARIABLE
from perdure.http.route import DOCUMENTS, ROUTES, Routes
from tests.http.asgi import client
from tests.http.chat.flows import answering
from tests.http.flows import anybody

pytestmark = pytest.mark.anyio
ALL = tuple(ROUTES)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def unknown(node: Any) -> Iterator[str]:
    """Fields that the specification doesn't have."""
    if isinstance(node, BaseModel):
        yield from node.model_extra or ()
        node = vars(node)
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from unknown(value)


def test_every_route_is_in_it() -> None:
    """What is served for all names, but for the page and the document itself."""
    paths = {
        tuple(VARIABLE if segment.startswith("{") else segment for segment in path.split("/")[1:]): set(operations)
        for path, operations in openapi(ALL)["paths"].items()
    }
    others = {route.path for route in ROUTES["inspector"] if route.path[0] == "inspector"} | {*DOCUMENTS.values()}
    listed = [route for route in Routes(ALL, "", answering).all if route.path not in others]
    assert paths == {route.path: {(route.method or "post").lower()} for route in listed}


def test_only_named_routes_are_in_it() -> None:
    assert set(openapi(("runs", "webhook"), "/api")["paths"]) == {
        "/api/workflows/{name}/runs",
        "/api/runs/{runId}",
        "/api/runs/{runId}/cancel",
        "/.well-known/workflow/v1/webhook/{token}",
    }


def test_it_holds_together() -> None:
    document = openapi(ALL)
    assert document["openapi"] == "3.1.0"
    assert {reference.rpartition("/")[2] for reference in references(document)} == set(
        document["components"]["schemas"]
    )
    for path, operations in document["paths"].items():
        for operation in operations.values():
            names = {each["name"] for each in operation.get("parameters", ()) if each["in"] == "path"}
            assert names == {segment[1:-1] for segment in path.split("/") if segment.startswith("{")}
            assert operation["summary"]
            assert all(answer["description"] for answer in operation["responses"].values())
    json.dumps(document)


def misspelt(document: Any) -> set[str]:
    """Fields that the specification doesn't have, by another's model of it. Raises: ValidationError."""
    items = [PathItem.model_validate(item) for item in document["paths"].values()]
    return {*unknown([OpenAPI.model_validate(document), *items])}


def test_it_is_valid() -> None:
    document = openapi(ALL, "/x")
    assert misspelt(document) == set()
    operation = document["paths"]["/x/api/chat"]["post"]
    operation["respones"] = {}
    assert misspelt(document) == {"respones"}
    del operation["parameters"][0]["in"]
    with pytest.raises(ValidationError, match="in"):
        misspelt(document)
    assert misspelt(openapi(ALL, "/x")) == set(), "each caller has a document of its own"


async def test_it_is_served_where_runs_are() -> None:
    app = wrap(None, routes=("runs", "hooks"), prefix="/api", authorize=anybody)
    async with client(app) as http:
        for _ in range(2):
            answer = await http.get("/api/openapi/perdure.json")
            assert answer.json() == openapi(("runs", "hooks"), "/api")


async def test_it_is_served_where_a_chat_is() -> None:
    """Named or not, and once."""
    for names in ((), ("chat",), ("runs", "chat")):
        async with client(wrap(None, routes=names, chat=answering, prefix="/api", authorize=anybody)) as http:
            answer = await http.get("/api/openapi/perdure.json")
            assert answer.json() == openapi((*names, "chat"), "/api")
    assert "/api/api/chat/{answer}/stream" in answer.json()["paths"]
    async with client(wrap(None, routes=("streams",))) as http:
        assert (await http.get("/openapi/perdure.json")).status_code == 404


async def test_the_inspectors_is_with_its_api() -> None:
    app = wrap(None, routes=("inspector",), prefix="/x", authorize=anybody)
    async with client(app) as http:
        answer = await http.get("/x/api/v1/openapi.json")
        assert answer.json() == openapi(("inspector",), "/x")
        assert (await http.get("/x/openapi/perdure.json")).status_code == 404
