"""`perdure inspect runs`."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.api.records import RunInfo
from perdure.cli.inspect.runs import row_of
from perdure.cli.table import Cell
from perdure.inspector.run import RunView
from perdure.worlds.sqlite import SqliteWorld
from tests.cli.shop import Shop, say

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def names(shop: Shop, *words: str) -> set[str]:
    """The runs that a list has, by their names here."""
    ids = [line.split("\t")[0] for line in say("inspect", "runs", *words).stdout.splitlines()]
    return {name for name, run_id in shop.runs.items() if run_id in ids}


def listed(*words: str) -> dict[str, Any]:
    return msgspec.json.decode(say("inspect", "runs", "--json", *words).stdout)


def test_all_runs_newest_first(shop: Shop) -> None:
    done = say("inspect", "runs")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == sorted(shop.runs.values(), reverse=True)
    failed = next(line for line in lines if line[0] == shop.runs["failed"])
    assert (failed[1], failed[2], failed[5]) == ("shop:fulfil", "failed", "FatalError: no such card")
    assert failed[3].endswith("Z")
    assert failed[4].isdecimal()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--status", "failed"), {"failed"}),
        (("--status", "failed", "--status", "completed"), {"failed", "done"}),
        (("--workflow", "shop:remind"), {"asleep", "cancelled", "delayed"}),
        (("--workflow", "shop:remind", "--status", "pending"), {"delayed"}),
        (("--attr", "order=bad"), {"failed"}),
        (("--attr", "order=bad", "--attr", "kind=late"), set[str]()),
        (("--since", "1h"), {"asleep", "retrying", "done", "failed", "cancelled", "delayed"}),
        (("--until", "1h"), set[str]()),
        (("--since", "2020-01-01", "--until", "2020-02-01"), set[str]()),
    ],
)
def test_conditions(shop: Shop, words: tuple[str, ...], expected: set[str]) -> None:
    assert names(shop, *words) == expected


def test_nothing_found(shop: Shop) -> None:
    done = say("inspect", "runs", "--workflow", "x")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_json(shop: Shop) -> None:
    shown = listed("--workflow", "shop:fulfil")
    assert shown["cursor"] is None
    failed = next(item for item in shown["items"] if item["runId"] == shop.runs["failed"])
    assert failed["error"]["type"] == "FatalError"
    assert failed["error"]["message"] == "no such card"
    assert "Traceback" in failed["error"]["traceback"]
    assert {
        "runId", "workflow", "status", "createdAt", "startedAt", "completedAt", "durationMs", "waitingFor",
        "attributes", "parentId", "error",
    } <= failed.keys()  # fmt: skip
    assert not {"input", "result"} & failed.keys()


def test_data(shop: Shop) -> None:
    items = listed("--workflow", "shop:fulfil", "--with-data")["items"]
    assert {item["runId"]: (item["input"], item["result"]) for item in items} == {
        shop.runs["done"]: ({"order": "o-1"}, {"order": "o-1", "charge": "ch_o-1"}),
        shop.runs["failed"]: ({"order": "bad"}, None),
    }


def test_pages(shop: Shop) -> None:
    first = listed("--limit", "4")
    assert first["cursor"] == first["items"][-1]["runId"]
    second = listed("--limit", "4", "--cursor", first["cursor"])
    assert second["cursor"] is None
    ids = [item["runId"] for item in (*first["items"], *second["items"])]
    assert ids == sorted(shop.runs.values(), reverse=True)
    assert listed("--limit", "6")["cursor"] is None


def test_a_line_an_item(shop: Shop) -> None:
    done = say("inspect", "runs", "--jsonl", "--limit", "2")
    ids = [msgspec.json.decode(line)["runId"] for line in done.stdout.splitlines()]
    assert ids == sorted(shop.runs.values(), reverse=True)[:2]
    assert done.stderr == f"there are more: --cursor {ids[-1]}\n"


def test_a_cursor_that_is_none(shop: Shop) -> None:
    done = say("inspect", "runs", "--cursor", "x")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("perdure: 'x' is no cursor of a list of runs: ")


def info(**changes: Any) -> RunInfo:
    fields: dict[str, Any] = {
        "run_id": "wrun_1", "workflow": "a:b", "status": "running", "created_at": AT, "started_at": AT,
        "completed_at": None, "duration_ms": None, "attributes": {}, "parent_id": None, "root_id": "wrun_1",
        "recoveries": 0, "deployment": "", "reason": None, "forced": False, "waiting_sentence": "waiting for Ann",
    }  # fmt: skip
    return RunInfo(**{**fields, **changes})


def test_rows() -> None:
    now = AT + timedelta(minutes=3)
    row = row_of(RunView(info(), None, None, False), now)
    assert [cell.text for cell in row[4:]] == ["3 min", "", "waiting for Ann"]
    row = row_of(RunView(info(status="completed", duration_ms=1234, waiting_sentence=""), None, None, False), now)
    assert row[2] == Cell("completed", style="green")
    assert [(cell.text, cell.raw) for cell in row[5:]] == [("1.2 s", "1234"), ("", None)]


@pytest.mark.parametrize(("columns", "titles"), [
    (60, ["RUN", "WORKFLOW", "STATUS", "AGE"]),
    (80, ["RUN", "WORKFLOW", "STATUS", "CREATED", "AGE"]),
    (140, ["RUN", "WORKFLOW", "STATUS", "CREATED", "AGE", "TOOK", "DETAIL"]),
])  # fmt: skip
@pytest.mark.parametrize("plain", [True, False])
def test_on_a_terminal(shop: Shop, columns: int, titles: list[str], plain: bool) -> None:
    leader, follower = os.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **({"NO_COLOR": "1"} if plain else {})}
    with subprocess.Popen(
        [sys.executable, "-m", "perdure", "inspect", "runs"], stdout=follower, stderr=follower, env=environment
    ) as process:
        os.close(follower)
        text = drain(leader)
    assert process.returncode == 0
    assert ("\x1b[31mfailed" in text) is not plain
    if plain:
        lines = text.splitlines()
        assert lines[0].split() == titles
        rows = [line for line in lines[1:] if line.startswith("wrun_")]
        assert sorted((line.split()[0] for line in rows), reverse=True) == sorted(shop.runs.values(), reverse=True)
        assert ("  FatalError: no such card" in lines) is (columns < 140)
        assert max(map(len, lines)) <= columns


def drain(leader: int) -> str:
    """Everything that was written to the terminal; reading fails once nobody has it open any more."""
    parts: list[bytes] = []
    try:
        while part := os.read(leader, 65536):
            parts.append(part)
    except OSError:
        pass
    finally:
        os.close(leader)
    return b"".join(parts).decode()


def test_a_run_that_is_removed_while_the_others_are_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read_log = SqliteWorld.read_log

    async def read_late(world: SqliteWorld, *args: Any, **options: Any) -> Any:
        await world.retention.prune(0, 100)
        return await read_log(world, *args, **options)

    before = say("inspect", "runs").stdout.splitlines()
    monkeypatch.setattr(SqliteWorld, "read_log", read_late)
    done = say("inspect", "runs")
    assert (done.exit_code, done.stderr) == (0, "")
    assert 0 < len(done.stdout.splitlines()) < len(before)
