"""`perdure start`."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.shop import Shop, say


def created(run_id: str) -> dict[str, Any]:
    """The first event of the run's log."""
    return msgspec.json.decode(say("inspect", "events", run_id, "--limit", "1", "--jsonl", "--with-data").stdout)[
        "data"
    ]


def test_a_run_by_name_alone(shop: Shop) -> None:
    done = say("start", "app:fulfil", '{"order": "o-9", "rows": [{"$": 1}]}', "--attr", "a=b", "--attr", "c=d=e")
    assert done.exit_code == 0
    run_id = done.stdout.removesuffix("\n")
    seen = msgspec.json.decode(say("inspect", "run", run_id, "--json").stdout)
    assert (seen["workflow"], seen["status"], seen["attributes"]) == ("app:fulfil", "pending", {"a": "b", "c": "d=e"})
    assert created(run_id)["input"] == {"order": "o-9", "rows": [{"$": "map", "v": [["$", 1]]}]}


def test_arguments_by_position_stay_an_array(shop: Shop) -> None:
    assert created(say("start", "app:fulfil", '["o-9", 2]').stdout.strip())["input"] == ["o-9", 2]
    assert created(say("start", "app:fulfil").stdout.strip())["input"] == {}
    assert created(say("start", "app:fulfil", "-", input='{"a": 1}').stdout.strip())["input"] == {"a": 1}


def test_a_delay(shop: Shop) -> None:
    before_ms = time.time() * 1000
    due_ms = created(say("start", "app:fulfil", "--delay", "1d").stdout.strip())["dueMs"]
    assert before_ms <= due_ms - 86_400_000 <= time.time() * 1000 + 1


def test_a_key_finds_the_same_run(shop: Shop) -> None:
    done = say("start", "shop:fulfil", '{"order": "o-1"}', "--key", "o-1")
    assert (done.exit_code, done.stdout) == (0, f"{shop.runs['done']}\n")


def test_a_key_of_another_start(shop: Shop) -> None:
    done = say("start", "shop:fulfil", '{"order": "o-2"}', "--key", "o-1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"perdure: the idempotency key belongs to run {shop.runs['done']} with other arguments: "
        "choose another key, or give the same arguments\n"
    )


def test_waiting_writes_the_result(shop: Shop) -> None:
    done = say("start", "shop:fulfil", '{"order": "o-1"}', "--key", "o-1", "--wait")
    assert done.exit_code == 0
    assert done.stdout == '{\n  "order": "o-1",\n  "charge": "ch_o-1"\n}\n'
    assert done.stderr.startswith(f"{shop.runs['done']}\n")


@pytest.mark.parametrize(
    ("name", "words", "sentence"),
    [
        ("failed", ("shop:fulfil", '{"order": "bad"}', "--key", "bad"), "failed: FatalError: no such card"),
        ("cancelled", ("shop:remind", '{"hours": 3}', "--key", "remind-3"), "was cancelled: closed"),
    ],
)
def test_waiting_for_a_run_that_ends_badly(shop: Shop, name: str, words: tuple[str, ...], sentence: str) -> None:
    done = say("start", *words, "--wait")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.endswith(f"perdure: run {shop.runs[name]} {sentence}\n")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("x", '{"a": '), "perdure: the JSON is invalid at line 1, column 7: Expecting value\n"),
        (("x", "--attr", "=b"), "Error: Invalid value for '--attr': '=b' is no attribute: write key=value.\n"),
        (("x", "--delay", "soon"), "'soon' is no duration: write 500ms, 30s, 1h30m or 7d.\n"),
        (("x", "--attr", "a=" + "b" * 257), "the attribute 'a' can't be set: its value is longer than 256 bytes\n"),
        ((), "Error: Missing argument 'NAME'.\n"),
    ],
)
def test_what_is_asked_wrongly_starts_nothing(shop: Shop, words: tuple[str, ...], sentence: str) -> None:
    done = say("start", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.endswith(sentence)
    assert len(say("inspect", "runs").stdout.splitlines()) == len(shop.runs)


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("sold:sell", "{}", "the arguments don't fit sold:sell: missing a required argument: 'count'"),
        (
            "sold:sell",
            '["two"]',
            "the arguments don't fit sold:sell: count: it is a str, where the annotation asks for int",
        ),
        ("sold:sell", '{"count": 1, "x": 2}', "the arguments don't fit sold:sell: it has no parameter 'x'"),
        ("sold:sel", "[1]", "no workflow named 'sold:sel' is registered here: import the module that defines it"),
    ],
)
def test_arguments_are_checked_by_what_is_imported(folder: Path, name: str, arguments: str, sentence: str) -> None:
    sold(folder)
    done = say("start", name, arguments, "--import", "sold")
    assert (done.exit_code, done.stdout, done.stderr) == (2, "", f"perdure: {sentence}\n")
    assert not list(folder.rglob("*.db")), "before anything is written"


def test_arguments_that_fit_what_is_imported(folder: Path) -> None:
    sold(folder)
    assert created(say("start", "sold:sell", "[1]", "--import", "sold").stdout.strip())["input"] == [1]
    assert say("start", "sold:sell", "[1]", "--import", "not_there_1").stderr.startswith("perdure: there is no module ")


def sold(folder: Path) -> None:
    (folder / "sold.py").write_text(
        "from perdure import workflow\n@workflow\nasync def sell(count: int) -> None: pass\n"
    )


def test_a_world_is_made(folder: object) -> None:
    assert say("start", "app:fulfil").exit_code == 0
    assert len(say("inspect", "runs").stdout.splitlines()) == 1
