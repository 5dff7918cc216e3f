"""What a shell completes, by the protocol that it speaks; in bash, by bash."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from perdure.cli import completion
from perdure.cli.completion import SAFE, Bash, Found
from perdure.cli.main import main
from tests.cli.shop import Shop, say
from tests.cli.test_web import looking

NOBODY = "http://127.0.0.1:9/?token=x"


def completed(*words: str) -> list[str]:
    """The values for the last of these words."""
    shell = ShellComplete(main, {}, "perdure", "_PERDURE_COMPLETE")
    *args, incomplete = words
    return [str(item.value) for item in shell.get_completions(args, incomplete)]


RUNS = [
    ("inspect", "run"), ("inspect", "steps"), ("inspect", "events"), ("inspect", "hooks"), ("inspect", "waits"),
    ("inspect", "streams"), ("inspect", "children"), ("inspect", "step", "step_1", "--run"), ("logs",), ("stream",),
    ("cancel",), ("retry",), ("rerun",), ("wake",), ("repin", "wrun_1"), ("export",),
]  # fmt: skip


@pytest.mark.parametrize("words", RUNS, ids=" ".join)
def test_runs_newest_first(shop: Shop, words: tuple[str, ...]) -> None:
    assert completed(*words, "wr") == sorted(shop.runs.values(), reverse=True)


def test_the_beginning_of_a_run(shop: Shop) -> None:
    assert completed("logs", shop.runs["done"][:-1]) == [shop.runs["done"]]
    assert completed("logs", "x") == []
    assert completed("logs", "wrun_x") == []


def test_what_is_told_beside(shop: Shop) -> None:
    shell = ShellComplete(main, {}, "perdure", "_PERDURE_COMPLETE")
    told = {item.value: item.help for item in shell.get_completions(["logs"], "")}
    assert told[shop.runs["failed"]] == "failed shop:fulfil"


def test_steps_of_the_run_that_is_named(shop: Shop) -> None:
    step = say("inspect", "steps", shop.runs["done"]).stdout.split("\t")[0]
    assert completed("inspect", "step", "--run", shop.runs["done"], "step_") == [step]
    assert completed("inspect", "step", "step_") == []


def test_workflows(shop: Shop) -> None:
    names = ["shop:fulfil", "shop:inquire", "shop:remind"]
    assert completed("inspect", "runs", "--workflow", "") == names
    assert completed("inspect", "steps", "--workflow=shop:f") == ["shop:fulfil"]
    assert completed("start", "shop:r") == ["shop:remind"]


def test_tokens_of_hooks_that_take_payloads(desk: Shop) -> None:
    tokens = [line.split("\t") for line in say("inspect", "hooks").stdout.splitlines()]
    assert completed("resume-hook", "") == [token[0] for token in tokens if token[3] == "hook"]
    assert completed("resume-hook", "desk:") == ["desk:o-1"]


def test_statuses_queues_and_deployments(shop: Shop) -> None:
    assert completed("inspect", "runs", "--status", "f") == ["failed"]
    assert completed("repin", "wrun_1", "--deployment", "") == ["latest", "any"]
    assert completed("start", "a:b", "--deployment", "l") == ["latest"]
    assert completed("worker", "app", "--queue", "") == []
    served = "import perdure\n\n@perdure.step(queue='gpu')\ndef draw() -> None: ...\n"
    (shop.file.parent / "drawing.py").write_text(served)
    words = ["worker", "drawing", "--queue", "gpu", "--deployment", "2026-01-31.2"]
    with subprocess.Popen([sys.executable, "-m", "perdure", *words], stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            process.stderr.readline()
            assert completed("worker", "app", "--queue", "") == ["gpu"]
            assert completed("repin", "wrun_1", "--deployment", "2") == ["2026-01-31.2"]
        finally:
            process.kill()


def test_out_of_an_inspector_elsewhere(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_WORLD")
    step = say("inspect", "steps", shop.runs["done"], "--world", shop.url).stdout.split("\t")[0]
    with looking("--world", shop.url) as (_, http, url):
        assert completed("logs", "--url", url, "") == sorted(shop.runs.values(), reverse=True)
        assert completed("logs", "--url", url, shop.runs["done"][:-1]) == [shop.runs["done"]]
        assert completed("inspect", "runs", "--url", url, "--workflow", "shop:f") == ["shop:fulfil"]
        assert completed("inspect", "step", "--url", url, "--run", shop.runs["done"], "") == [step]
        http.close()


def test_there_are_bounds(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completion, "MOST", 2)
    assert completed("logs", "") == sorted(shop.runs.values(), reverse=True)[:2]
    assert len(completed("start", "")) == 2
    monkeypatch.setattr(completion, "WITHIN_S", 0)
    assert completed("logs", "") == []


@pytest.mark.parametrize(
    "where",
    [
        (), ("--world", "sqlite:///no/none.db"), ("--world", "memory://"), ("--world", "mysql://x"), ("--url", NOBODY),
        ("--url", "x"), ("--world", "sqlite:///text.db"),
    ],
)  # fmt: skip
def test_where_nothing_can_be_looked_at(
    folder: Path, capfd: pytest.CaptureFixture[str], where: tuple[str, ...]
) -> None:
    """Not a word, and nothing is made."""
    (folder / "text.db").write_text("no database " * 1000)
    assert completed("inspect", "run", *where, "") == []
    assert completed("inspect", "runs", *where, "--workflow", "") == []
    assert [path.name for path in folder.iterdir()] == ["text.db"]
    assert capfd.readouterr() == ("", "")


def test_what_is_said_on_the_way_is_not_shown(
    shop: Shop, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def warn(*args: Any, **options: Any) -> Any:
        print("the server is slow", file=sys.stderr)
        return [Found(shop.runs["done"])]

    monkeypatch.setattr(completion, "in_world", warn)
    assert completed("logs", "") == [shop.runs["done"]]
    assert capfd.readouterr() == ("", "")


def test_what_others_named_is_never_obeyed(shop: Shop) -> None:
    for name in ("shop:x;ls", "shop:$(ls)", "shop:-x"):
        assert say("start", name).exit_code == 0
    assert completed("start", "shop:") == ["shop:-x", "shop:fulfil", "shop:inquire", "shop:remind"]


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        ("app.orders:fulfil", True), ("approval:o-17", True), ("a@b.example/c+d=e%20", True), ("größe:1", True),
        ("-x", False), ("=ls", False), ("~root", False), ("x;ls", False), ("$(ls)", False), ("`ls`", False), ("a b", False),
        ("a*", False), ("a\nb", False), ("a'b", False), ('a"b', False), ("a\\b", False), ("f.<locals>.g", False), ("", False),
        ("!x", False), ("a{b,c}", False), ("#x", False), ("a|b", False), ("a&b", False), ("\x1b[31m", False),
    ],
)  # fmt: skip
def test_what_a_shell_could_obey_is_no_word(value: str, safe: bool) -> None:
    assert bool(SAFE.fullmatch(value)) is safe


@pytest.mark.parametrize(
    ("line", "args", "incomplete"),
    [
        ("perdure", [], ""),
        ("perdure ", [], ""),
        ("perdure insp", [], "insp"),
        ("perdure start app:ful", ["start"], "app:ful"),
        ("perdure start 'app:a b' ", ["start", "app:a b"], ""),
        ("perdure inspect runs --workflow=app:f", ["inspect", "runs"], "--workflow=app:f"),
    ],
)
def test_words_of_a_line(line: str, args: list[str], incomplete: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert Bash(main, {}, "perdure", "_PERDURE_COMPLETE").get_completion_args() == (args, incomplete)


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("line", "breaks", "replies"),
    [
        ("perdure inspect runs --workflow shop:f", ":= ", ["fulfil"]),
        ("perdure inspect runs --workflow=shop:f", ":= ", ["fulfil"]),
        ("perdure inspect runs --workflow shop:f", "= ", ["shop:fulfil"]),
        ("perdure inspect runs --workflow sho", ":= ", ["shop:fulfil", "shop:inquire", "shop:remind"]),
        ("perdure inspect runs --status=fa", ":= ", ["failed"]),
        ("perdure ins", ":= ", ["inspect"]),
    ],
)
def test_in_bash(shop: Shop, line: str, breaks: str, replies: list[str]) -> None:
    script = (
        'eval "$(_PERDURE_COMPLETE=bash_source perdure)"; COMP_LINE=$1; COMP_POINT=${#1}; COMP_WORDBREAKS=$2; '
        '_perdure_completion perdure; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", line, breaks],
        env={**os.environ, "PATH": path}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout.splitlines(), done.stderr) == (replies, "")
