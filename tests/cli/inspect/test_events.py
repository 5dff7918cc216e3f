"""`perdure inspect events`."""

from datetime import timedelta
from typing import Any

import msgspec

from perdure.api.records import EventInfo, moment
from perdure.cli.inspect.events import row_of
from perdure.inspector.event import EventView
from tests.cli.shop import Shop, say

TYPES = ["run_created", "run_started", "attr_set", "step_created", "step_completed", "run_completed"]


def listed(*words: str) -> dict[str, Any]:
    done = say("inspect", "events", "--json", *words)
    assert (done.exit_code, done.stderr) == (0, "")
    return msgspec.json.decode(done.stdout)


def test_the_log_in_order(shop: Shop) -> None:
    done = say("inspect", "events", shop.runs["done"])
    assert (done.exit_code, done.stderr) == (0, "")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["1", "2", "3", "4", "5", "6"]
    assert [line[3] for line in lines] == TYPES
    assert lines[3][4] == "0/step:shop:charge#0"
    assert {len(line) for line in lines} == {5}


def test_data(shop: Shop) -> None:
    lines = say("inspect", "events", shop.runs["done"], "--with-data").stdout.splitlines()
    assert msgspec.json.decode(lines[3].split("\t")[5]) == {"name": "shop:charge", "input": {"order": "o-1"}}
    assert all("data" not in item for item in listed(shop.runs["done"])["items"])
    items = listed(shop.runs["done"], "--with-data")["items"]
    items[4]["data"].pop("durationMs", None)
    assert items[4]["data"] == {"attempt": 1, "result": "ch_o-1"}


def test_json(shop: Shop) -> None:
    shown = listed(shop.runs["done"])
    assert shown["cursor"] is None
    assert shown["items"][0].keys() == {"seq", "turn", "type", "key", "at", "afterMs"}


def test_pages(shop: Shop) -> None:
    first = listed(shop.runs["done"], "--limit", "4")
    assert first["cursor"] == "5"
    second = listed(shop.runs["done"], "--limit", "4", "--cursor", "5")
    assert second["cursor"] is None
    assert [item["type"] for item in (*first["items"], *second["items"])] == TYPES
    assert listed(shop.runs["done"], "--limit", "6")["cursor"] is None
    assert listed(shop.runs["done"], "--cursor", "7") == {"items": [], "cursor": None}


def test_how_long_after_the_start() -> None:
    at = moment(1_000_000)
    event = EventInfo(seq=1, turn=0, type="wait_created", key="k", at=at + timedelta(seconds=65), data={"due_ms": 1})
    row = row_of(EventView(event, 65_000, True), at)
    assert [cell.text for cell in row][3:] == ["+1 min 5 s", "wait_created", "k", '{"due_ms":1}']


def test_a_run_is_named(shop: Shop) -> None:
    assert say("inspect", "events").exit_code == 2
    assert say("inspect", "events", "wrun_" + "0" * 26).exit_code == 3
