"""The page's pure modules, in the browser that runs them: words for times, scales, schemas, chats, lists that change."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

import perdure
from perdure.chat.chunk import TABLE
from tests.browser import chromium, served

STATIC = Path(perdure.__file__).parent / "http/inspector/static"
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def fresh_world() -> None:
    """No world is needed here."""


@pytest.fixture(scope="module")
def call() -> Iterator[Call]:
    """Calls what a module exports: `call("duration.span", 1200)`."""
    app = Starlette(routes=[Mount("/inspector", StaticFiles(directory=STATIC))])
    with chromium() as browser, served(app) as address:
        page = browser.new_page()
        page.goto(f"{address}/inspector/icon.svg")

        def called(name: str, *arguments: Any) -> Any:
            module, _, function = name.partition(".")
            script = "async ([url, name, given]) => (await import(url))[name](...given)"
            return page.evaluate(script, [f"{address}/inspector/app/{module}.js", function, arguments])

        yield called


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0 ms"), (999, "999 ms"), (1_000, "1.0 s"), (9_949, "9.9 s"), (9_950, "10 s"), (59_600, "1 min"),
        (185_000, "3 min 5 s"), (7_800_000, "2 h 10 min"), (273_600_000, "3 d 4 h"),
    ],
)  # fmt: skip
def test_durations_are_said_as_the_command_line_does(call: Call, ms: int, words: str) -> None:
    assert call("duration.span", ms) == words


def test_ages(call: Call) -> None:
    assert [call("duration.age", at, 100_000) for at in (99_500, 40_000, 161_000)] == [
        "just now",
        "1 min ago",
        "in 1 min",
    ]


def test_a_scale_has_round_ticks_and_stays_within_the_whole(call: Call) -> None:
    whole = {"from": 1_000, "to": 61_000}
    assert [tick["after"] for tick in call("scale.ticksOf", whole, 1_000, 7)] == [
        0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000,
    ]  # fmt: skip
    assert call("scale.zoomed", whole, whole, 0.5) == {"from": 16_000, "to": 46_000}
    assert call("scale.zoomed", whole, whole, 2) == whole
    assert call("scale.moved", {"from": 1_000, "to": 11_000}, whole, -0.5) == {"from": 1_000, "to": 11_000}
    assert call("scale.moved", {"from": 50_000, "to": 60_000}, whole, 0.5) == {"from": 51_000, "to": 61_000}
    closest = call("scale.zoomed", whole, whole, 1e-9)
    assert closest["to"] - closest["from"] == 5


SCHEMA = {
    "$ref": "#/$defs/Approval",
    "$defs": {
        "Approval": {
            "type": "object",
            "properties": {
                "approved": {"type": "boolean"},
                "amount": {"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}], "default": None},
                "by": {"enum": ["Anna", "Bea"]},
                "notes": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["approved", "by"],
            "additionalProperties": False,
        }
    },
}


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"approved": True, "by": "Anna"}, None),
        ({"approved": True, "by": "Anna", "amount": None, "notes": ["a"]}, None),
        ([], "$: expected object"),
        ({"approved": True}, '$: "by" is missing'),
        ({"approved": 1, "by": "Anna"}, "$.approved: expected boolean"),
        ({"approved": True, "by": "Cara"}, '$.by: expected one of "Anna", "Bea"'),
        ({"approved": True, "by": "Anna", "amount": -1}, "$.amount: at least 0"),
        ({"approved": True, "by": "Anna", "amount": "1"}, "$.amount: fits none of 2 forms"),
        ({"approved": True, "by": "Anna", "notes": ["a", 2]}, "$.notes[1]: expected string"),
        ({"approved": True, "by": "Anna", "why": ""}, '$: "why" isn\'t known'),
    ],
)
def test_a_payload_is_held_against_its_schema(call: Call, value: object, wrong: str | None) -> None:
    assert call("schema.misfit", value, SCHEMA) == wrong


def test_a_payload_begins_with_what_is_required(call: Call) -> None:
    assert call("schema.blank", SCHEMA) == {"approved": False, "by": "Anna"}


def chunks(*values: object, step: str | None = "s", attempt: int = 1) -> list[dict[str, Any]]:
    return [{"index": n, "value": value, "stepId": step, "attempt": attempt} for n, value in enumerate(values)]


def chunk_of(kind: str) -> dict[str, Any]:
    return chunks({"type": kind.replace("*", "x")})[0]


def test_a_stream_is_shown_as_what_it_is(call: Call) -> None:
    assert call("chat.formOf", chunks("a", "b")) == "text"
    assert call("chat.formOf", chunks({"type": "start"}, {"type": "text-delta", "id": "1", "delta": "a"})) == "chat"
    assert call("chat.formOf", [*map(chunk_of, TABLE)]) == "chat", "whatever a chat may hold"
    assert call("chat.formOf", chunks({"type": "start"}, {"n": 1})) == "values"
    assert call("chat.formOf", chunks("a", {"type": "start"})) == "values"
    assert call("chat.formOf", []) == "values"


def test_chunks_become_messages(call: Call) -> None:
    told = chunks(
        {"type": "start", "messageId": "m"},
        {"type": "text-delta", "id": "t", "delta": "its beginning lies before, "},
        {"type": "text-delta", "id": "t", "delta": "<b>and this</b>"},
        {"type": "text-end", "id": "t"},
        {"type": "tool-input-start", "toolCallId": "c", "toolName": "look"},
        {"type": "tool-input-delta", "toolCallId": "c", "inputTextDelta": '{"a'},
        {"type": "tool-output-error", "toolCallId": "c", "errorText": "no"},
        {"type": "data-cost", "id": "d", "data": 1},
        {"type": "data-cost", "id": "d", "data": 2},
        {"type": "finish"},
        {"type": "text-start", "id": "t"},
        {"type": "abort"},
        {"type": "something-new"},
    )
    first, second = call("chat.messagesOf", told)
    text, tool, data = first["parts"]
    assert (first["id"], first["done"]) == ("m", True)
    assert (text["text"], text["done"]) == ("its beginning lies before, <b>and this</b>", True)
    assert (tool["name"], tool["text"], tool["state"], tool["error"]) == ("look", '{"a', "failed", "no")
    assert (data["name"], data["data"]) == ("cost", 2)
    assert [part["kind"] for part in second["parts"]] == ["text", "error"]


@pytest.mark.parametrize(("approved", "state"), [(True, "running"), (False, "waiting")])
def test_a_call_that_waits_for_approval(call: Call, approved: bool, state: str) -> None:
    """It is one part, before and after somebody has decided."""
    told = chunks(
        {"type": "tool-input-available", "toolCallId": "c", "toolName": "refund", "input": {}},
        {"type": "tool-approval-request", "toolCallId": "c", "approvalId": "a"},
        {"type": "tool-approval-response", "approvalId": "a", "approved": approved},
        {"type": "tool-approval-response", "approvalId": "another's", "approved": True},
    )
    [message] = call("chat.messagesOf", told[:2])
    assert [(part["name"], part["state"]) for part in message["parts"]] == [("refund", "waiting")]
    [message] = call("chat.messagesOf", told)
    assert [(part["name"], part["state"]) for part in message["parts"]] == [("refund", state)]


def test_chunks_of_an_attempt_that_was_tried_again_are_void(call: Call) -> None:
    said = [{"type": "text-delta", "id": "t", "delta": delta} for delta in "abcd"]
    told = [*chunks(*said[:2]), *chunks(said[2], attempt=2), *chunks(said[3], step=None, attempt=0)]
    assert [part["text"] for part in call("chat.messagesOf", told)[0]["parts"]] == ["cd"]
    told = [*chunks("a", "b"), *chunks("c", attempt=2), *chunks("d", step=None, attempt=0)]
    passages = call("streams.passages", told)
    assert [(one["text"], one["isVoid"]) for one in passages] == [("ab", True), ("c", False), ("d", False)]


def test_a_list_takes_what_is_new_where_it_belongs(call: Call) -> None:
    def run(run_id: str, status: str = "running") -> dict[str, str]:
        return {"runId": run_id, "status": status}

    items = [run("e"), run("c"), run("b")]
    assert call("runlist.merged", items, [run("d"), run("c", "failed")], ["e"], True) == [
        run("d"), run("c", "failed"), run("b"),
    ]  # fmt: skip
    assert call("runlist.merged", items, [run("a")], [], True)[-1] == run("a")
    assert call("runlist.merged", items, [run("a")], [], False) == items  # further down than was read
    assert call("runlist.merged", [], [run("a")], [], False) == [run("a")]


def test_both_sides_of_a_divergence_are_marked_word_by_word(call: Call) -> None:
    left, right = call("difference.difference", "step shop:reserve(2)", "step shop:reserve_all(2, now)")
    assert [part for part in left if not part[1]] == [["reserve", False]]
    assert [part for part in right if not part[1]] == [["reserve_all", False], [", now", False]]


def test_an_address_says_what_is_shown(call: Call) -> None:
    script = "#/runs/a%2Fb?tab=events"
    found = call("route.parsed", script)
    assert (found["view"], found["id"]) == ("runs", "a/b")
    assert call("route.parsed", "")["view"] == "runs"
    assert call("route.parsed", "#/runs/%E0%A4%A")["id"] == "%E0%A4%A"
    assert call("route.parsed", "#/../admin")["view"] == "unknown"
    assert call("route.hrefOf", "runs", "a/b", {"status": ["failed", "blocked"], "q": None}) == (
        "#/runs/a%2Fb?status=failed&status=blocked"
    )
