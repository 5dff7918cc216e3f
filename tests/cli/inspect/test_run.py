"""`perdure inspect run`."""

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from perdure.api.records import HookInfo, RunInfo, StreamInfo, Waiting
from perdure.cli.inspect import run as run_command
from perdure.cli.inspect.run import (
    LISTED,
    aligned,
    data_cell,
    hook_words,
    hooks_cell,
    stream_words,
    streams_cell,
    time_cell,
    waiting_cell,
)
from perdure.cli.table import Cell
from perdure.inspector.hook import HookView
from perdure.inspector.run import RunDetail, RunView
from perdure.model.status import Status
from tests.cli.desk import on_terminal
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
    assert shown["failedStep"].startswith("step_")
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


def test_hooks_and_streams(desk: Shop) -> None:
    shown = parts(desk.runs["asking"])
    assert msgspec.json.decode(shown["hooks"])[0]["token"] == "desk:o-1"
    assert msgspec.json.decode(shown["streams"])[1] == {"namespace": "progress", "tailIndex": 2, "closed": False}
    shown = msgspec.json.decode(say("inspect", "run", desk.runs["reporting"], "--json").stdout)
    assert [(hook["token"], hook["status"]) for hook in shown["hooks"]] == [
        ("report", "disposed"),
        ("desk:o-1", "conflict"),
    ]
    assert "metadata" not in shown["hooks"][0]
    assert [stream["tailIndex"] for stream in shown["streams"]] == [6, -1]
    shown = msgspec.json.decode(say("inspect", "run", desk.runs["asking"], "--json", "--with-data").stdout)
    assert shown["hooks"][0]["metadata"]["order"] == "o-1"


def test_hooks_and_streams_in_short(desk: Shop) -> None:
    token = say("inspect", "hooks", desk.runs["asking"]).stdout.splitlines()[1].split("\t")[0]
    _, _, told = on_terminal("inspect", "run", desk.runs["asking"], NO_COLOR="1").partition("\nhooks")
    _, first, second, *rest = (line.rstrip() for line in told.splitlines())
    assert first.startswith(f"  desk:o-1{' ' * 24}  hook since ")
    assert first.endswith(", 1 payload, expires in 6 d")
    assert second.startswith(f"  {token}  hook since ")
    assert rest[:3] == ["streams", "  (default)  2 chunks, open", "  progress   3 chunks, open"]
    told = on_terminal("inspect", "run", desk.runs["reporting"], NO_COLOR="1")
    assert "\nhooks       2 hooks, none of which waits\n" in told


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
    assert data_cell({"a": 1}) == Cell('{"a":1}', '{"a":1}')
    assert data_cell(["x" * 60]).text == '[\n  "' + "x" * 60 + '"\n]'


def test_what_is_waited_for_has_a_line_each() -> None:
    until = NOW + timedelta(hours=2)
    reasons = (
        Waiting(kind="sleep", key="a", since=NOW, until=until, detail="a sleep"),
        Waiting(kind="step", key="b", since=NOW, until=None, detail="app:charge, attempt 1"),
    )
    sleep, step = waiting_cell(reasons, NOW + timedelta(seconds=59)).text.splitlines()
    assert step == "app:charge, attempt 1"
    sleep, step = waiting_cell(reasons, NOW + timedelta(seconds=60)).text.splitlines()
    assert sleep.startswith("a sleep, until ")
    assert sleep.endswith(", in 1 h")
    assert step == "app:charge, attempt 1, for 1 min"


def hook(**changes: object) -> HookView:
    fields: dict[str, Any] = {
        "run_id": "wrun_1", "hook_id": "hook_1", "token": "a:1", "metadata": None, "created_at": NOW,
        "expires_at": None, "received": 0,
    }  # fmt: skip
    return HookView(HookInfo(**{**fields, **changes}), "a:b", 0)


def test_what_is_said_of_hooks_and_streams() -> None:
    now = NOW + timedelta(minutes=3)
    assert hook_words(hook(), now) == "hook since 3 min"
    told = replace(hook(webhook=True, received=2, expires_at=NOW), rejected=1)
    assert hook_words(told, now) == "webhook since 3 min, 2 payloads, 1 payload rejected, expires 3 min ago"
    assert stream_words(StreamInfo(namespace=None, tail_index=-1, closed=True)) == "0 chunks, closed"
    assert aligned([("a", "one"), ("b" * 50, "two")]) == [f"{'a':40}  one", f"{'b' * 50}  two"]
    assert aligned([]) == []


def detail_with(status: Status) -> RunDetail:
    info = RunInfo(
        run_id="wrun_1", workflow="a:b", status=status, created_at=NOW, started_at=NOW, completed_at=None,
        duration_ms=None, attributes={}, parent_id=None, root_id="wrun_1", recoveries=0, deployment="", reason=None,
        forced=False,
    )  # fmt: skip
    return RunDetail(RunView(info, None, None, False), (), ())


def test_only_some_of_many_are_listed() -> None:
    view = detail_with("running").view
    streams = tuple(StreamInfo(namespace=f"s{n}", tail_index=0, closed=True) for n in range(LISTED + 2))
    detail = RunDetail(view, [hook() for _ in range(LISTED + 1)], streams)
    assert hooks_cell(detail, NOW).text.splitlines()[LISTED:] == ["and 1 other"]
    assert streams_cell(detail).text.splitlines()[LISTED:] == ["and 2 others"]
    assert hooks_cell(detail._replace(hooks=()), NOW) == Cell("", "[]")


def test_on_a_terminal_the_time_is_drawn(shop: Shop) -> None:
    told = on_terminal("inspect", "run", shop.runs["done"], PERDURE_WORLD=shop.url, NO_COLOR="1")
    assert re.search(r"^charge +█+ ", told, re.MULTILINE)


def test_watching_one_that_has_ended_shows_it_once(shop: Shop) -> None:
    told = on_terminal("inspect", "run", shop.runs["done"], "--watch", PERDURE_WORLD=shop.url, NO_COLOR="1")
    told = told.rpartition("\x1b[2K")[2]  # it is drawn over once, when the picture is left standing
    assert told.count("completed") == 2  # the status, and when
    assert re.search(r"^charge +█+ ", told, re.MULTILINE)


def test_watching_goes_on_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_command, "LOOK_S", 0)
    looks = [detail_with("running"), detail_with("running"), detail_with("completed")]

    async def look() -> RunDetail:
        return looks.pop(0)

    asyncio.run(run_command.watched(look))
    assert looks == []


def test_watching_needs_a_terminal(shop: Shop) -> None:
    for form in ((), ("--json",)):
        done = say("inspect", "run", shop.runs["done"], "--watch", *form)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--watch draws on a terminal" in done.stderr
