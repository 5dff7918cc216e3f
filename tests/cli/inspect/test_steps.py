"""`perdure inspect steps`."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.api.records import StepInfo
from perdure.cli.inspect.steps import COLUMNS, row_of
from perdure.cli.table import Cell
from perdure.inspector.step import StepView
from perdure.worlds.sqlite import SqliteWorld
from tests.cli.shop import Shop, say


def listed(*words: str) -> dict[str, Any]:
    done = say("inspect", "steps", "--json", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return msgspec.json.decode(done.stdout)


def test_the_steps_of_a_run(shop: Shop) -> None:
    done = say("inspect", "steps", shop.runs["failed"])
    assert (done.exit_code, done.stderr) == (0, "")
    step_id, name, status, attempt, started, took, error = done.stdout.removesuffix("\n").split("\t")
    assert step_id.startswith("step_")
    assert (name, status, attempt, error) == ("shop:charge", "failed", "1", "FatalError: no such card")
    assert started.endswith("Z")
    assert took.isdecimal()


def test_a_step_that_is_tried_again(shop: Shop) -> None:
    line = say("inspect", "steps", shop.runs["retrying"]).stdout
    assert line.split("\t")[2:4] == ["retrying", "1"]
    assert line.endswith("\t\tConnectionError: nobody answers for o-3\n")


def test_json(shop: Shop) -> None:
    (step,) = listed(shop.runs["done"])["items"]
    assert (step["runId"], step["name"], step["status"], step["attempt"]) == (
        shop.runs["done"],
        "shop:charge",
        "completed",
        1,
    )
    assert {"stepId", "error", "createdAt", "startedAt", "completedAt", "retryAt"} <= step.keys()
    assert not {"input", "output"} & step.keys()
    (step,) = listed(shop.runs["done"], "--with-data")["items"]
    assert (step["input"], step["output"]) == ({"order": "o-1"}, "ch_o-1")


def test_the_steps_of_all_runs_newest_run_first(shop: Shop) -> None:
    run_ids = [item["runId"] for item in listed()["items"]]
    assert run_ids == sorted((shop.runs[name] for name in ("retrying", "done", "failed")), reverse=True)
    lines = say("inspect", "steps").stdout.splitlines()
    assert [line.split("\t")[7] for line in lines] == run_ids


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--status", "failed"), {"failed"}),
        (("--status", "failed", "--status", "retrying"), {"failed", "retrying"}),
        (("--workflow", "shop:fulfil"), {"failed", "done"}),
        (("--attr", "order=o-1"), {"done"}),
        (("--until", "1h"), set[str]()),
    ],
)
def test_conditions(shop: Shop, words: tuple[str, ...], expected: set[str]) -> None:
    assert {item["runId"] for item in listed(*words)["items"]} == {shop.runs[name] for name in expected}


def test_conditions_on_runs_are_for_all_runs(shop: Shop) -> None:
    done = say("inspect", "steps", shop.runs["done"], "--workflow", "x")
    assert done.exit_code == 2
    assert done.stderr.endswith("choose among runs: leave RUN or these out.\n")


def test_pages(shop: Shop) -> None:
    all_ids = [item["stepId"] for item in listed()["items"]]
    found: list[str] = []
    words: tuple[str, ...] = ()
    for _ in range(len(all_ids)):
        page = listed("--limit", "1", *words)
        found += [item["stepId"] for item in page["items"]]
        words = ("--cursor", page["cursor"] or "")
    assert found == all_ids
    assert words == ("--cursor", "")


def test_a_page_goes_on_in_the_same_run(shop: Shop) -> None:
    run_id = shop.runs["done"]
    assert listed(run_id, "--cursor", f"{run_id}:1")["items"] == []
    assert len(listed(run_id, "--cursor", f"{run_id}:0")["items"]) == 1


def test_a_run_that_isnt_there(shop: Shop) -> None:
    assert say("inspect", "steps", "wrun_" + "0" * 26).exit_code == 3


def test_one_that_hasnt_begun() -> None:
    at = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    info = StepInfo(
        step_id="step_1", run_id="wrun_1", name="a:b", status="pending", attempt=0, input=None, output=None, error=None,
        created_at=at, started_at=None, completed_at=None, retry_at=None, queue="gpu",
    )  # fmt: skip
    _, _, status, _, started, ago, took, *_ = row_of(StepView(info, with_data=False), at + timedelta(minutes=3))
    assert (status.text, started, ago.text, took) == ("pending", Cell(""), "3 min", Cell("")), (
        "its age is since its call"
    )


def test_ids_are_never_cut() -> None:
    assert COLUMNS[0].cut == "no"


def test_a_run_that_is_removed_while_the_others_are_read(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    read_log = SqliteWorld.read_log

    async def read_late(world: SqliteWorld, *args: Any, **options: Any) -> Any:
        await world.retention.prune(0, 100)
        return await read_log(world, *args, **options)

    before = say("inspect", "steps").stdout.splitlines()
    monkeypatch.setattr(SqliteWorld, "read_log", read_late)
    done = say("inspect", "steps")
    assert (done.exit_code, done.stderr) == (0, "")
    assert 0 < len(done.stdout.splitlines()) < len(before)
