"""Paths, segment by segment."""

import pytest

from perdure.http.call import Call
from perdure.http.path import VARIABLE, Route, parameter_of, path_of, segments_of
from tests.http.asgi import scope_of


@pytest.mark.parametrize(
    ("pattern", "path", "parameter"),
    [
        (("runs", VARIABLE), ("runs", "a"), "a"),
        (("runs", VARIABLE), ("runs", VARIABLE), VARIABLE),
        (("runs", VARIABLE), ("runs", ""), None),
        (("runs", VARIABLE), ("runs",), None),
        (("runs", VARIABLE, "x"), ("runs", "a", "y"), None),
        (("page", ""), ("page", ""), ""),
        (("page", ""), ("page", "a"), None),
        (("page",), ("page", ""), None),
    ],
)
def test_what_varies(pattern: tuple[str, ...], path: tuple[str, ...], parameter: str | None) -> None:
    assert parameter_of(pattern, path) == parameter


def test_segments_are_decoded_each_by_itself() -> None:
    assert segments_of("/hooks/a%2Fb/c%25") == ("hooks", "a/b", "c%")
    assert path_of(scope_of("/hooks/%FF")) == ()


def test_what_the_app_is_mounted_under_is_left_out() -> None:
    mounted = scope_of("/my%20app/runs/wrun_1") | {"root_path": "/my app"}
    assert path_of(mounted) == ("runs", "wrun_1")
    assert path_of(scope_of("/my%20apples/runs") | {"root_path": "/my app"}) == ("my apples", "runs")


@pytest.mark.parametrize(
    ("method", "asked", "takes"),
    [
        ("GET", "GET", True),
        ("GET", "HEAD", True),
        ("GET", "POST", False),
        ("POST", "HEAD", False),
        (None, "PATCH", True),
    ],
)
def test_a_route_takes_its_method(method: str | None, asked: str, takes: bool) -> None:
    async def nothing(call: Call) -> None:
        """Not called."""

    assert Route((), method, nothing).takes(asked) is takes  # type: ignore[arg-type]
