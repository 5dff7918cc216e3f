"""Which paths are the inspector's."""

import pytest

from perdure.http.route import Routes
from tests.http.asgi import scope_of

ROUTES = Routes(("inspector",), "")


@pytest.mark.parametrize(
    ("method", "path", "parameter"),
    [
        ("GET", "session", ""),
        ("GET", "live", ""),
        ("GET", "runs", ""),
        ("GET", "runs/wrun_1", "wrun_1"),
        ("GET", "runs/wrun_1/live", "wrun_1"),
        ("GET", "runs/wrun_1/timeline", "wrun_1"),
        ("GET", "runs/wrun_1/chunks/live", "wrun_1"),
        ("POST", "runs/cancel", ""),
        ("POST", "runs/wrun_1/cancel", "wrun_1"),
        ("POST", "hooks/a%2Fb/resume", "a/b"),
        ("GET", "steps/step_1", "step_1"),
        ("GET", "openapi.json", ""),
    ],
)
def test_the_api(method: str, path: str, parameter: str) -> None:
    found = ROUTES.find(scope_of(f"/api/v1/{path}"))
    assert found is not None
    assert (found[0].takes(method), found[1]) == (True, parameter)
    assert not found[0].takes("DELETE")


@pytest.mark.parametrize(
    "path", ["/api/v1", "/api/v1/", "/api/v2/runs", "/api/v1/runs/", "/api/v1/runs/a/b", "/runs/a"]
)
def test_what_is_none_of_them(path: str) -> None:
    assert ROUTES.find(scope_of(path)) is None


def test_the_page() -> None:
    for path in ("/inspector", "/inspector/", "/inspector/app/main.js", "/inspector/style.css"):
        found = ROUTES.find(scope_of(path))
        assert found is not None
        assert found[0].takes("GET")
