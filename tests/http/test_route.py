"""Which paths are perdure's."""

from typing import Any

import pytest

from perdure import UsageError
from perdure.http.route import Routes
from tests.http.asgi import scope_of

ALL = ("webhook", "runs", "hooks", "streams", "health")
WELL_KNOWN = "/.well-known/workflow/v1/webhook/"


def found(path: str, routes: Routes | None = None, **more: Any) -> tuple[str, str] | None:
    match = (routes or Routes(ALL, "")).find(scope_of(path) | more)
    return None if match is None else (match[0].handler.__name__, match[1])


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("/workflows/app.orders%3Afulfil/runs", ("start_run", "app.orders:fulfil")),
        ("/workflows/app.orders:fulfil/runs?x=1", ("start_run", "app.orders:fulfil")),
        ("/runs/wrun_1", ("show_run", "wrun_1")),
        ("/runs/wrun_1/cancel", ("cancel_run", "wrun_1")),
        ("/runs/wrun_1/stream", ("read_stream", "wrun_1")),
        ("/hooks/doc%2F17%3F", ("send_payload", "doc/17?")),
        ("/hooks/100%2525", ("send_payload", "100%25")),
        ("/hooks/%E2%98%83", ("send_payload", "☃")),
        ("/hooks/stream", ("send_payload", "stream")),
        (WELL_KNOWN + "a%2Fb", ("take_request", "a/b")),
        ("/health", ("show_health", "")),
        ("/openapi/perdure.json", ("answer", "")),
        ("/", None),
        ("/runs", None),
        ("/runs/", None),
        ("/runs/wrun_1/", None),
        ("/runs//cancel", None),
        ("//runs/wrun_1", None),
        ("/x/runs/wrun_1", None),
        ("/hooks/doc/17", None),
        ("/hooks/%FF", None),
        ("/Runs/wrun_1", None),
        ("/runs/../health", None),
        (WELL_KNOWN, None),
        ("/health/", None),
    ],
)
def test_a_path_is_ours_exactly(path: str, match: tuple[str, str] | None) -> None:
    assert found(path) == match


def test_only_named_routes_are_there() -> None:
    only = Routes(("streams",), "")
    assert found("/runs/wrun_1/stream", only) == ("read_stream", "wrun_1")
    for path in ("/runs/wrun_1", "/hooks/t", "/health", "/workflows/f/runs", WELL_KNOWN + "t", "/openapi/perdure.json"):
        assert found(path, only) is None


def test_a_prefix_goes_before_all_but_the_well_known() -> None:
    routes = Routes(ALL, "/api/perdure")
    assert found("/api/perdure/runs/wrun_1", routes) == ("show_run", "wrun_1")
    assert found("/api/perdure/health", routes) == ("show_health", "")
    assert found("/api/perdure/openapi/perdure.json", routes) == ("answer", "")
    assert found(WELL_KNOWN + "t", routes) == ("take_request", "t")
    assert found("/runs/wrun_1", routes) is None
    assert found("/api/perdure" + WELL_KNOWN + "t", routes) is None


def test_without_the_raw_path_the_other_counts() -> None:
    """Not every server gives it; and who rewrites a path, rewrites that one."""
    assert found("/hooks/a%2Fb", raw_path=None) is None
    assert found("/hooks/a%25", raw_path=b"") == ("send_payload", "a%")
    assert found("/health", raw_path=b"/hooks/t") == ("show_health", "")


@pytest.mark.parametrize("names", [("runs", "everything"), "runs"])
def test_unknown_names_are_refused(names: Any) -> None:
    with pytest.raises(
        UsageError, match="there are webhook, runs, hooks, streams, chat, health, inspector; give a tuple of these"
    ):
        Routes(names, "")


@pytest.mark.parametrize("prefix", ["perdure", "/perdure/", "/"])
def test_a_prefix_begins_a_path(prefix: str) -> None:
    with pytest.raises(UsageError, match="begins no path: write it as '/perdure', or leave it out"):
        Routes((), prefix)
