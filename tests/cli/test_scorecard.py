"""`perdure scorecard`."""

from pathlib import Path

import msgspec
import pytest

from tests.cli.shop import Shop, say

FLOWS = """
import sys
from perdure import get_step_metadata, step, workflow

sys.exit("it is imported")

@step
async def act(order: str) -> None:
    with open(order, "a"): ...

@workflow
async def flow(order: str) -> None:
    await act(order)
"""
SURVIVING = """
from perdure import workflow
from perdure.testing import survives

@workflow
async def flow() -> None: ...

@survives(seeds=1)
def alive():
    return flow

def dead():
    from perdure.testing import Broken
    raise Broken("flow", "1", "one", "two", ["a crash"])

def odd():
    raise KeyError("x")
"""


@pytest.fixture
def flows(folder: Path) -> Path:
    (folder / "flows.py").write_text(FLOWS)
    return folder


def test_markdown_is_what_it_writes(flows: Path) -> None:
    done = say("scorecard", "flows.py", "--as-of", "2026-11-26")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("# Production readiness\n\nOf `flows:flow`; as of 2026-11-26.\n")
    assert "flows.py:9: open() in act has no key: twice is twice" in done.stdout


def test_json_has_items_and_the_total(flows: Path) -> None:
    done = say("scorecard", "flows", "--format", "json")
    assert done.exit_code == 0, done.stderr
    shown = msgspec.json.decode(done.stdout)
    assert shown["total"] == sum(item["score"] for item in shown["items"])
    assert {"item", "score", "evidence"} <= shown["items"][0].keys()
    [key] = [item for item in shown["items"] if item["id"] == "idempotency-key"]
    assert key["score"] == 0 and key["places"][0]["place"] == "flows.py:9"


def test_answers_beside_the_code(flows: Path) -> None:
    (flows / "scorecard.toml").write_text(
        '[[answer]]\nitem = "runbook"\nscore = 2\ndate = 2026-01-01\nby = "Ann"\nwords = "on paper"\n'
    )
    assert (
        "| 2 | scorecard.toml: Ann on 2026-01-01: on paper"
        in say("scorecard", "flows.py", "--as-of", "2026-02-01").stdout
    )
    assert "stale, answer again" in say("scorecard", "flows.py", "--as-of", "2026-12-01").stdout
    fresh = say("scorecard", "flows.py", "--as-of", "2026-12-01", "--stale-after", "400")
    assert "stale" not in fresh.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["nowhere.py"], 2, "nowhere.py can't be read: No such file or directory"),
        (["nowhere"], 2, "'nowhere' is neither a file, nor a module that can be found here"),
        (["broken.py"], 2, "broken.py:1 can't be defined"),
        (["plain.py"], 2, "plain.py defines no workflow"),
        (["deep.py"], 2, "nested too deeply"),
        (["flows.py", "--world", "sqlite:///nowhere.db"], 4, "nowhere.db"),
        (["flows.py", "--world", "nonsense"], 4, "nonsense"),
        (["flows.py", "--simulate", "flows"], 2, "names no function"),
    ],
)
def test_what_cant_be_scored(flows: Path, words: list[str], code: int, sentence: str) -> None:
    (flows / "broken.py").write_text("def\n")
    (flows / "plain.py").write_text("x = 1\n")
    deep = " + ".join(["x"] * 900)
    (flows / "deep.py").write_text(
        f"from perdure import workflow\n@workflow\nasync def f(x: int) -> int:\n    return {deep}\n"
    )
    done = say("scorecard", *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert not (flows / "nowhere.db").exists()


def test_a_world_of_the_environment_that_is_away_is_told(flows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_WORLD", "sqlite:///nowhere.db")
    done = say("scorecard", "flows.py")
    assert done.exit_code == 0
    assert "PERDURE_WORLD isn't looked at: " in done.stderr


def test_runs_of_a_world(shop: Shop, folder: Path) -> None:
    done = say("scorecard", "tests.cli.shop", "--format", "json", "--world", shop.url)
    assert done.exit_code == 0, done.stderr
    seen = {item["id"]: item for item in msgspec.json.decode(done.stdout)["items"]}
    assert seen["seen-success"]["score"] == 1
    assert seen["seen-success"]["places"][0]["place"].startswith("wrun_")


def test_simulations(folder: Path) -> None:
    (folder / "living.py").write_text(SURVIVING)
    done = say("scorecard", "living.py", "--simulate", "living:alive")
    assert done.exit_code == 0, done.stderr
    assert "living:alive: it came to the same in each simulation" in done.stdout
    done = say("scorecard", "living.py", "--simulate", "living:dead")
    assert done.exit_code == 0 and "living:dead: flow doesn't survive" in done.stdout
    done = say("scorecard", "living.py", "--simulate", "living:odd")
    assert (done.exit_code, done.stderr) == (2, "perdure: living:odd ended with KeyError: 'x'\n")
