"""`perdure inspect waits`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.api.records import WaitInfo
from perdure.cli.inspect.waits import COLUMNS, row_of
from perdure.cli.table import Cell
from tests.cli.shop import Shop, say

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def listed(*words: str) -> dict[str, Any]:
    done = say("inspect", "waits", "--json", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return msgspec.json.decode(done.stdout)


def test_in_the_order_in_which_they_began(desk: Shop) -> None:
    done = say("inspect", "waits", desk.runs["asking"])
    assert (done.exit_code, done.stderr) == (0, "")
    limit, asleep = (line.split("\t") for line in done.stdout.splitlines())
    assert (limit[:2], limit[4:]) == (["timeout", "waiting"], ["", "0/timeout#0"])
    assert asleep[:2] == ["sleep", "waiting"]
    assert limit[2] > asleep[2] > asleep[3]  # due, due, begun


def test_one_that_is_over(desk: Shop) -> None:
    kind, status, _, _, took, _ = say("inspect", "waits", desk.runs["reporting"]).stdout.split("\t")
    assert (kind, status) == ("sleep", "completed")
    assert took.isdecimal()


def test_json(desk: Shop) -> None:
    (wait,) = listed(desk.runs["reporting"])["items"]
    assert wait.keys() == {"key", "kind", "status", "createdAt", "dueAt", "completedAt"}
    first = listed(desk.runs["asking"], "--limit", "1")
    assert ([item["kind"] for item in first["items"]], first["cursor"]) == (["timeout"], "1")
    second = listed(desk.runs["asking"], "--limit", "1", "--cursor", "1")
    assert ([item["kind"] for item in second["items"]], second["cursor"]) == (["sleep"], None)


def test_none(desk: Shop) -> None:
    done = say("inspect", "waits", desk.runs["receiving"])
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing found\n")


@pytest.mark.parametrize(
    ("words", "code"), [((), 2), (("wrun_" + "0" * 26,), 3), (("RUN", "--cursor", "x"), 2), (("RUN", "--with-data"), 2)]
)
def test_what_is_asked_wrongly(desk: Shop, words: tuple[str, ...], code: int) -> None:
    words = tuple(desk.runs["asking"] if word == "RUN" else word for word in words)
    assert say("inspect", "waits", *words).exit_code == code


def test_rows() -> None:
    begun, due = NOW - timedelta(minutes=3), NOW + timedelta(hours=2)
    wait = WaitInfo(key="0/sleep#0", kind="sleep", status="waiting", created_at=begun, due_at=due, completed_at=None)
    row = row_of(wait, NOW)
    assert len(row) == len(COLUMNS)
    assert (row[1], row[3], row[5]) == (Cell("waiting", style="cyan"), Cell("2 h"), Cell(""))
    assert row_of(wait, due + timedelta(minutes=1))[3] == Cell("0 s")
    over = WaitInfo(key="0/sleep#0", kind="sleep", status="woken", created_at=begun, due_at=due, completed_at=NOW)
    row = row_of(over, NOW)
    assert (row[1], row[3], row[5]) == (Cell("woken", style="yellow"), Cell(""), Cell("3 min", "180000"))
