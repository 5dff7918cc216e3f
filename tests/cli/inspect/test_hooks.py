"""`perdure inspect hooks`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.api.records import HookInfo
from perdure.cli.inspect.hooks import EVERYWHERE, OF_A_RUN, expiry_cell, row_among_all, row_in_run
from perdure.cli.table import Cell
from perdure.inspector.hook import HookView
from tests.cli.desk import on_terminal
from tests.cli.shop import Shop, say

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
METADATA = {"order": "o-1", "since": {"$": "dt", "v": "2026-01-01T00:00:00+00:00"}}


def listed(*words: str) -> dict[str, Any]:
    done = say("inspect", "hooks", "--json", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return msgspec.json.decode(done.stdout)


def test_all_that_wait_the_newest_run_first(desk: Shop) -> None:
    done = say("inspect", "hooks")
    assert (done.exit_code, done.stderr) == (0, "")
    webhook, other, approval = (line.split("\t") for line in done.stdout.splitlines())
    assert webhook[1:4] == [desk.runs["receiving"], "desk:receive", "webhook"]
    assert other[1:4] == [desk.runs["asking"], "desk:ask", "hook"]
    assert len(other[0]) == 32  # a random token, in full
    assert approval[:4] == ["desk:o-1", desk.runs["asking"], "desk:ask", "hook"]
    assert approval[4].endswith("Z")
    assert approval[5].endswith("Z")
    assert other[5] == ""


def test_those_of_a_run_in_the_order_of_their_creation(desk: Shop) -> None:
    lines = [line.split("\t") for line in say("inspect", "hooks", desk.runs["reporting"]).stdout.splitlines()]
    assert [line[:5] for line in lines] == [
        ["report", "hook", "disposed", "1", "1"],
        ["desk:o-1", "hook", "conflict", "0", "0"],
    ]
    lines = [line.split("\t") for line in say("inspect", "hooks", desk.runs["asking"]).stdout.splitlines()]
    assert [line[2:5] for line in lines] == [["waiting", "1", "0"], ["waiting", "0", "0"]]


def test_json(desk: Shop) -> None:
    approval = listed()["items"][2]
    assert approval["token"] == "desk:o-1"
    assert (approval["workflow"], approval["status"]) == ("desk:ask", "waiting")
    assert (approval["received"], approval["rejected"]) == (None, None)
    assert {"runId", "hookId", "createdAt", "expiresAt", "webhook"} <= approval.keys()
    assert "metadata" not in approval
    report = listed(desk.runs["reporting"])["items"][0]
    assert (report["received"], report["rejected"]) == (1, 1)


def test_data(desk: Shop) -> None:
    assert [item["metadata"] for item in listed("--with-data")["items"]] == [None, None, METADATA]
    assert listed(desk.runs["asking"], "--with-data")["items"][0]["metadata"] == METADATA
    line = say("inspect", "hooks", "--with-data").stdout.splitlines()[2]
    assert msgspec.json.decode(line.split("\t")[6]) == METADATA


@pytest.mark.parametrize("words", [(), ("asking",), ("reporting",)])
def test_pages(desk: Shop, words: tuple[str, ...]) -> None:
    words = tuple(desk.runs[name] for name in words)
    expected = [item["hookId"] for item in listed(*words)["items"]]
    found: list[str] = []
    cursor = listed(*words, "--limit", "1")["cursor"]
    found += [item["hookId"] for item in listed(*words, "--limit", "1")["items"]]
    while cursor is not None:
        page = listed(*words, "--limit", "1", "--cursor", cursor)
        found, cursor = [*found, *(item["hookId"] for item in page["items"])], page["cursor"]
    assert found == expected


@pytest.mark.parametrize("words", [("--cursor", "x"), ("RUN", "--cursor", "x")])
def test_a_cursor_that_is_none(desk: Shop, words: tuple[str, ...]) -> None:
    words = tuple(desk.runs["asking"] if word == "RUN" else word for word in words)
    assert say("inspect", "hooks", *words).exit_code == 2


def test_none_at_all(shop: Shop) -> None:
    done = say("inspect", "hooks")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_a_run_by_its_beginning_and_one_that_isnt_there(desk: Shop) -> None:
    beginning = desk.runs["asking"][:-1]
    assert say("inspect", "hooks", beginning).stdout == say("inspect", "hooks", desk.runs["asking"]).stdout
    assert say("inspect", "hooks", "wrun_" + "0" * 26).exit_code == 3


def info(**changes: Any) -> HookInfo:
    fields: dict[str, Any] = {
        "run_id": "wrun_1", "hook_id": "hook_1", "token": "a:1", "metadata": None, "created_at": NOW,
        "expires_at": None,
    }  # fmt: skip
    return HookInfo(**{**fields, **changes})


def test_rows() -> None:
    now = NOW + timedelta(minutes=3)
    row = row_among_all(HookView(info(), "a:b"), now)
    assert len(row) == len(EVERYWHERE) + 1
    assert [cell.text for cell in (*row[:4], *row[5:])] == ["a:1", "wrun_1", "a:b", "hook", "3 min", "never", "null"]
    row = row_in_run(HookView(info(webhook=True, status="expired", received=2), "a:b", 3), now)
    assert len(row) == len(OF_A_RUN) + 1
    assert row[1:5] == (Cell("webhook"), Cell("expired", style="yellow"), Cell("2"), Cell("3", style="red"))


def test_expiry() -> None:
    assert expiry_cell(info(), NOW) == Cell("never", "", style="dim")
    assert expiry_cell(info(expires_at=NOW + timedelta(hours=2)), NOW) == Cell("in 2 h", "2026-03-01T14:00:00Z")
    assert expiry_cell(info(expires_at=NOW - timedelta(hours=2)), NOW) == Cell("2 h ago", "2026-03-01T10:00:00Z")


def test_a_token_is_never_cut(desk: Shop) -> None:
    titles, *lines = on_terminal("inspect", "hooks", columns=80, NO_COLOR="1").splitlines()
    assert titles.split() == ["TOKEN", "RUN", "AGE"]
    assert max(map(len, lines)) <= 80
    shown = [line.split()[:2] for line in lines]
    assert shown == [line.split("\t")[:2] for line in say("inspect", "hooks").stdout.splitlines()]
