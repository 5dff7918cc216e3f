"""Hooks of one run, and all that wait."""

import pytest

from perdure.errors import RunNotFound, UsageError
from perdure.inspector.hook import list_hooks
from perdure.inspector.page import Asked
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, DATA, NOWHERE, look, paged

METADATA = {"order": "o-1", "since": {"$": "dt", "v": "2026-01-01T00:00:00+00:00"}}


def test_all_that_wait_the_newest_run_first(desk: Shop) -> None:
    webhook, other, approval = look(list_hooks, None, DATA).items
    assert (webhook.info.run_id, webhook.workflow, webhook.info.webhook) == (
        desk.runs["receiving"],
        "desk:receive",
        True,
    )
    assert (other.info.run_id, len(other.info.token), other.info.metadata) == (desk.runs["asking"], 32, None)
    shown = approval.as_json()
    assert (shown["token"], shown["received"], shown["rejected"]) == ("desk:o-1", None, None)
    assert shown["metadata"] == METADATA
    assert all("metadata" not in hook.as_json() for hook in look(list_hooks, None, ALL).items)


def test_those_of_a_run(desk: Shop) -> None:
    hooks = [hook.as_json() for hook in look(list_hooks, desk.runs["reporting"], ALL).items]
    assert [(hook["token"], hook["status"], hook["received"], hook["rejected"]) for hook in hooks] == [
        ("report", "disposed", 1, 1),
        ("desk:o-1", "conflict", 0, 0),
    ]


@pytest.mark.parametrize("name", [None, "asking"])
def test_pages(desk: Shop, name: str | None) -> None:
    run = name and desk.runs[name]
    assert paged(list_hooks, run) == look(list_hooks, run, ALL).as_json()["items"]
    with pytest.raises(UsageError):
        look(list_hooks, run, Asked(1, "x"))


def test_a_run_that_isnt_there(desk: Shop) -> None:
    with pytest.raises(RunNotFound):
        look(list_hooks, NOWHERE, ALL)
