"""Which view of the page shows what a command would."""

from datetime import UTC, datetime
from typing import Any

import pytest

from perdure.cli.page import View, ViewOf, of_all, of_run, of_runs, of_step, of_steps
from perdure.errors import UsageError
from perdure.inspector.filter import Wanted

WANTED = Wanted(workflow="a:b", attributes=(("k", "v=w"),), q="x y")


@pytest.mark.parametrize(
    ("view", "fragment"),
    [
        (View("workers"), "#/workers"),
        (View("runs", "wrun_1"), "#/runs/wrun_1"),
        (View("runs", "a/b#?", (("tab", "logs"),)), "#/runs/a%2Fb%23%3F?tab=logs"),
        (View("runs", query=(("status", "failed"), ("q", "a b"))), "#/runs?status=failed&q=a+b"),
    ],
)
def test_addresses(view: View, fragment: str) -> None:
    assert view.fragment == fragment


@pytest.mark.parametrize(
    ("view_of", "given", "fragment"),
    [
        (of_all("hooks"), {"run": None}, "#/hooks"),
        (of_all("hooks"), {"run": "wrun_1"}, "#/runs/wrun_1"),
        (of_all("workers"), {}, "#/workers"),
        (of_run(), {"run": "wrun_1"}, "#/runs/wrun_1"),
        (of_run("logs", parameter="id"), {"id": "wrun_1"}, "#/runs/wrun_1?tab=logs"),
        (of_step, {"run": "wrun_1"}, "#/runs/wrun_1"),
        (of_runs, {"status": ("failed", "blocked"), "wanted": Wanted()}, "#/runs?status=failed&status=blocked"),
        (of_runs, {"status": (), "wanted": WANTED}, "#/runs?workflow=a%3Ab&q=x+y&attr=k%3Dv%3Dw"),
        (of_steps, {"run": None, "status": ("retrying",), "wanted": Wanted(q="x")}, "#/runs?q=x"),
        (of_steps, {"run": "wrun_1", "status": (), "wanted": Wanted()}, "#/runs/wrun_1"),
    ],
)
def test_views(view_of: ViewOf, given: dict[str, Any], fragment: str) -> None:
    assert view_of(given).fragment == fragment


@pytest.mark.parametrize(
    ("view_of", "given"),
    [
        (of_step, {"run": None}),
        (of_runs, {"status": (), "wanted": Wanted(since=datetime.now(UTC))}),
        (of_runs, {"status": (), "wanted": Wanted(until=datetime.now(UTC))}),
    ],
)
def test_what_the_page_does_not_have(view_of: ViewOf, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="page"):
        view_of(given)
