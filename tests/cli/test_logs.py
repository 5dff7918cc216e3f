"""`perdure logs`."""

import os
import re
import subprocess
import sys

import msgspec
import pytest

from tests.cli.desk import on_terminal
from tests.cli.shop import Shop, say

UNSERVED = "no live worker serves diary:days: the run waits for one; start it with `perdure worker MODULE`\n"
PATIENCE_S = 60


def rows(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines()]


def test_in_a_pipe_a_line_for_each(diary: Shop) -> None:
    done = say("logs", diary.runs["failed"][:-1])
    assert (done.exit_code, done.stderr) == (0, "")
    found = rows(done.stdout)
    assert [[row[1], row[2], row[4], row[5], row[6]] for row in found] == [
        ["INFO", "diary:note", "1", "diary.app", "noted o-1"],
        ["WARNING", "diary:note", "1", "diary.app", "running out of paper"],
        ["DEBUG", "diary:books.charge", "1", "diary.app", "asking for o-1"],
        ["ERROR", "diary:books.charge", "1", "diary.app", "the provider is away it says: red  [31m and  back"],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", row[0]) for row in found)
    assert all(re.fullmatch(r"step_\w{26}", row[3]) for row in found)
    assert [row[7][:9] for row in found] == ["", "", "", "Traceback"]


def test_filters_and_pages(diary: Shop) -> None:
    run_id = diary.runs["failed"]
    assert len(rows(say("logs", run_id, "--level", "warning").stdout)) == 2
    assert len(rows(say("logs", run_id, "--step", "note").stdout)) == 2
    done = say("logs", run_id, "--limit", "3")
    assert (len(rows(done.stdout)), done.stderr) == (3, "there are more: --cursor 3\n")
    assert len(rows(say("logs", run_id, "--cursor", "3").stdout)) == 1
    done = say("logs", run_id, "--level", "CRITICAL")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == "nothing found: steps' logs are kept where capture_logs asks for it\n"


def test_all_pages_are_one(diary: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.logs.PAGE", 1)
    assert len(rows(say("logs", diary.runs["failed"]).stdout)) == 4
    assert len(msgspec.json.decode(say("logs", diary.runs["failed"], "--json").stdout)["items"]) == 4


def test_as_json(diary: Shop) -> None:
    whole = msgspec.json.decode(say("logs", diary.runs["failed"], "--json", "--limit", "1").stdout)
    assert whole["cursor"] == "1"
    [item] = whole["items"]
    assert {key: value for key, value in item.items() if key not in ("at", "stepId")} == {
        "index": 0, "level": "INFO", "logger": "diary.app", "step": "diary:note", "attempt": 1, "message": "noted o-1",
        "exception": None, "dropped": 0, "locked": False,
    }  # fmt: skip
    lines = say("logs", diary.runs["failed"], "--jsonl").stdout.splitlines()
    assert msgspec.json.decode(lines[0]) == item
    assert len(lines) == 4
    assert say("logs", diary.runs["quiet"], "--json").stdout == '{\n  "items": [],\n  "cursor": null\n}\n'


def test_what_has_ended_can_be_followed(diary: Shop) -> None:
    for words in ((), ("--jsonl",)):
        followed = say("logs", diary.runs["failed"], "--follow", *words)
        assert (followed.stdout, followed.stderr) == (say("logs", diary.runs["failed"], *words).stdout, "")
    assert len(rows(say("logs", diary.runs["failed"], "-f", "--limit", "2", "--cursor", "1").stdout)) == 2


def test_what_goes_on_is_followed(diary: Shop) -> None:
    command = [sys.executable, "-m", "perdure", "logs", diary.runs["open"], "--follow"]
    environment = {**os.environ, "PERDURE_WORLD": diary.url}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        try:
            assert process.stdout is not None
            assert [process.stdout.readline().split("\t")[6] for _ in range(2)] == [
                "noted 2 days", "running out of paper",
            ]  # fmt: skip
            say("cancel", diary.runs["open"], "--now")
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, stdout, stderr) == (0, "", UNSERVED)


def test_on_a_terminal(diary: Shop) -> None:
    """Several lines stay several, and what would command the terminal is shown."""
    shown = re.sub(r"\x1b\[[\d;]*m", "", on_terminal("logs", diary.runs["failed"], TZ="UTC"))
    shown = re.sub(r"(?m)^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d{3}", "TIME", shown)
    assert shown.startswith(
        "TIME  INFO      note  diary.app  noted o-1\n"
        "TIME  WARNING   note  diary.app  running out of paper\n"
        "TIME  DEBUG     books.charge  diary.app  asking for o-1\n"
        "TIME  ERROR     books.charge  diary.app  the provider is away\n"
        "    it says: red \\x1b[31m and \\u202eback\n"
        "    Traceback (most recent call last):\n"
    )
    assert shown.endswith("    ConnectionError: nobody answers\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 2),
        (("wrun_" + "0" * 26,), 3),
        (("wrun_",), 2),
        (("RUN", "--level", "LOUD"), 2),
        (("RUN", "--limit", "0"), 2),
        (("RUN", "--cursor", "x"), 2),
        (("RUN", "--follow", "--json"), 2),
        (("RUN", "--follow", "--cursor", "99"), 2),
        (("RUN", "--world", "sqlite:///nothing.db"), 4),
    ],
)
def test_what_is_asked_wrongly(diary: Shop, words: tuple[str, ...], code: int) -> None:
    words = tuple(diary.runs["failed"] if word == "RUN" else word for word in words)
    done = say("logs", *words)
    assert (done.exit_code, done.stdout) == (code, "")
