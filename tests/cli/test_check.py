"""`perdure check`."""

import re
from pathlib import Path

import msgspec
import pytest

from tests.cli.shop import say

ROOT = Path(__file__).parents[2]
BAD = "import time\nfrom perdure import workflow\n\n@workflow\nasync def fulfil():\n    time.time()\n"


def test_findings_are_lines_and_exit_code_1(folder: Path) -> None:
    (folder / "bad.py").write_text(BAD)
    done = say("check", "bad.py")
    assert (done.exit_code, done.stderr) == (1, "1 finding\n")
    assert (
        done.stdout == "bad.py:6:5 clock time.time() reads the clock, which shows another time in a replay; use now()\n"
    )


def test_as_json(folder: Path) -> None:
    (folder / "bad.py").write_text(BAD)
    done = say("check", "bad", "--json")
    assert (done.exit_code, done.stderr) == (1, "")
    shown = msgspec.json.decode(done.stdout)
    assert shown["cursor"] is None
    assert [(item["file"], item["line"], item["rule"]) for item in shown["items"]] == [("bad.py", 6, "clock")]


def test_nothing_found(folder: Path) -> None:
    (folder / "good.py").write_text("x = 1\n")
    done = say("check", "good.py")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "nothing found\n")


def test_what_cant_be_checked(folder: Path) -> None:
    assert say("check", "nothing.py").exit_code == 2
    (folder / "broken.py").write_text("def\n")
    done = say("check", "broken.py")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("perdure: broken.py:1 ")
    assert say("check").exit_code == 2


def test_the_project_s_own_examples_and_documents_pass(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md")]:
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", document.read_text("utf-8"), re.M | re.S)):
            (folder / f"{document.stem.replace('-', '_')}_{number}.py").write_text(block, "utf-8")
    done = say("check", ".")
    assert (done.exit_code, done.stdout) == (0, "")
    monkeypatch.chdir(ROOT)
    done = say("check", "examples", "benchmarks", "src/perdure/agent", "src/perdure/chat")
    assert (done.exit_code, done.stdout) == (0, "")
