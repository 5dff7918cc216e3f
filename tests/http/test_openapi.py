"""The OpenAPI document says what there is, and nothing else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from perdure.http import openapi, wrap
from perdure.http.path import VARIABLE
from perdure.http.route import ROUTES
from tests.http.asgi import client
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


def test_every_route_is_in_it() -> None:
    paths = {
        tuple(VARIABLE if segment.startswith("{") else segment for segment in path.split("/")[1:]): set(operations)
        for path, operations in openapi(ALL)["paths"].items()
    }
    listed = [route for routes in ROUTES.values() for route in routes if route.path[0] != "inspector"]  # that is a page
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


async def test_it_is_served_where_runs_are() -> None:
    app = wrap(None, routes=("runs", "hooks"), prefix="/api", authorize=anybody)
    async with client(app) as http:
        for _ in range(2):
            answer = await http.get("/api/openapi/perdure.json")
            assert answer.json() == openapi(("runs", "hooks"), "/api")


async def test_the_inspectors_is_with_its_api() -> None:
    app = wrap(None, routes=("inspector",), prefix="/x", authorize=anybody)
    async with client(app) as http:
        answer = await http.get("/x/api/v1/openapi.json")
        assert answer.json() == openapi(("inspector",), "/x")
        assert (await http.get("/x/openapi/perdure.json")).status_code == 404
