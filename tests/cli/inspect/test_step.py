"""`perdure inspect step`."""

from datetime import UTC, datetime, timedelta

import msgspec

from perdure.api.records import ErrorInfo
from perdure.cli.inspect.step import attempts_cell
from perdure.inspector.span import AttemptInfo
from tests.cli.shop import Shop, say


def step_of(shop: Shop, name: str) -> str:
    return say("inspect", "steps", shop.runs[name]).stdout.split("\t")[0]


def test_a_step_that_failed(shop: Shop) -> None:
    step_id = step_of(shop, "failed")
    done = say("inspect", "step", step_id)
    assert (done.exit_code, done.stderr) == (0, "")
    shown = dict(line.split("\t") for line in done.stdout.splitlines())
    assert (shown["stepId"], shown["runId"], shown["status"]) == (step_id, shop.runs["failed"], "failed")
    assert shown["error"] == "FatalError: no such card"
    assert "input" not in shown


def test_a_step_that_will_be_tried_again(shop: Shop) -> None:
    done = say("inspect", "step", step_of(shop, "retrying"), "--run", shop.runs["retrying"])
    shown = dict(line.split("\t") for line in done.stdout.splitlines())
    assert shown["retryAt"] > shown["startedAt"]
    assert (shown["completedAt"], shown["durationMs"]) == ("", "")


def test_data(shop: Shop) -> None:
    done = say("inspect", "step", step_of(shop, "done"), "--with-data")
    assert done.stdout.endswith('input\t{"order":"o-1"}\noutput\t"ch_o-1"\n')


def test_json(shop: Shop) -> None:
    step_id = step_of(shop, "done")
    shown = msgspec.json.decode(say("inspect", "step", step_id, "--json").stdout)
    assert (shown["stepId"], shown["status"]) == (step_id, "completed")
    assert "output" not in shown
    shown = msgspec.json.decode(say("inspect", "step", step_id, "--json", "--with-data").stdout)
    assert shown["output"] == "ch_o-1"


def test_a_step_that_isnt_there(shop: Shop) -> None:
    assert say("inspect", "step", "step_" + "0" * 26).exit_code == 3
    assert say("inspect", "step", "x").exit_code == 3
    assert say("inspect", "step", "step_").exit_code == 2


def test_attempts_have_a_line_each() -> None:
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    failed = AttemptInfo(
        attempt=1, started_at=at, ended_at=at, status="failed", error=ErrorInfo(type="E", message="no", traceback=None)
    )
    running = AttemptInfo(attempt=2, started_at=at, ended_at=None, status="running", error=None)
    cell = attempts_cell((failed, running), at + timedelta(minutes=3))
    first, second = cell.text.splitlines()
    assert first.startswith("1  failed   ")
    assert first.endswith(", 3 min ago, E: no")
    assert second.startswith("2  running  ")
    assert len(msgspec.json.decode(cell.raw or "")) == 2
    assert attempts_cell((failed,), at).text == ""
