"""`perdure inspect run`."""

from datetime import UTC, datetime, timedelta

import msgspec

from perdure.api.records import Waiting
from perdure.cli.inspect.run import data_cell, span_cell, time_cell, waiting_cell
from perdure.cli.table import Cell
from tests.cli.shop import Shop, say

NOW = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)


def parts(*words: str) -> dict[str, str]:
    """What a pipe gets."""
    done = say("inspect", "run", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return dict(line.split("\t") for line in done.stdout.splitlines())


def test_a_run_that_failed(shop: Shop) -> None:
    shown = parts(shop.runs["failed"])
    assert (shown["runId"], shown["status"]) == (shop.runs["failed"], "failed")
    assert shown["error"] == "FatalError: no such card"
    assert shown["traceback"].startswith("Traceback (most recent call last):")
    assert shown["attributes"] == '{"order":"bad"}'
    assert not {"input", "result", "waitingFor", "reason"} & shown.keys()


def test_a_run_that_waits(shop: Shop) -> None:
    worker, sleep = msgspec.json.decode(parts(shop.runs["asleep"])["waitingFor"])
    assert (worker["kind"], sleep["kind"]) == ("worker", "sleep")


def test_a_run_that_was_cancelled(shop: Shop) -> None:
    assert parts(shop.runs["cancelled"])["reason"] == "closed"


def test_data(shop: Shop) -> None:
    shown = parts(shop.runs["done"], "--with-data")
    assert (shown["input"], shown["result"]) == ('{"order":"o-1"}', '{"order":"o-1","charge":"ch_o-1"}')
    assert parts(shop.runs["failed"], "--with-data")["result"] == ""


def test_json(shop: Shop) -> None:
    shown = msgspec.json.decode(say("inspect", "run", shop.runs["done"], "--json").stdout)
    assert (shown["runId"], shown["status"]) == (shop.runs["done"], "completed")
    assert "result" not in shown
    shown = msgspec.json.decode(say("inspect", "run", shop.runs["done"], "--json", "--with-data").stdout)
    assert shown["result"] == {"order": "o-1", "charge": "ch_o-1"}


def test_a_run_that_isnt_there(shop: Shop) -> None:
    done = say("inspect", "run", "wrun_" + "0" * 26)
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.startswith("perdure: there is no run wrun_000")


def test_a_beginning_of_several(shop: Shop) -> None:
    done = say("inspect", "run", "wrun_")
    assert (done.exit_code, done.stdout) == (2, "")
    assert all(run_id in done.stderr for run_id in shop.runs.values())


def test_cells() -> None:
    past = NOW - timedelta(minutes=3)
    assert time_cell(past, NOW).text.endswith(", 3 min ago")
    assert time_cell(NOW + timedelta(minutes=3), NOW).text.endswith(", in 3 min")
    assert time_cell(None, NOW) == Cell("")
    assert span_cell(None) == Cell("")
    assert span_cell(65_000) == Cell("1 min 5 s", "65000")
    assert data_cell({"a": 1}) == Cell('{"a":1}', '{"a":1}')
    assert data_cell(["x" * 60]).text == '[\n  "' + "x" * 60 + '"\n]'


def test_what_is_waited_for_has_a_line_each() -> None:
    until = NOW + timedelta(hours=2)
    reasons = (
        Waiting(kind="sleep", key="a", since=NOW, until=until, detail="a sleep"),
        Waiting(kind="step", key="b", since=NOW, until=None, detail="app:charge, attempt 1"),
    )
    sleep, step = waiting_cell(reasons, NOW).text.splitlines()
    assert sleep.startswith("a sleep, until ")
    assert sleep.endswith(", in 2 h")
    assert step == "app:charge, attempt 1"
