"""Each example has its scorecard, and it is what the command says today: else `make scorecards`.

Lines may have moved since: who edits an example or its tests isn't to be held up by that.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.shop import say

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "examples").glob("*/workflows.py"))
LINE = re.compile(r"(?<=\.)(py|js|html|md):\d+(?=:)")
DATE = re.compile(r"as of (\d{4}-\d\d-\d\d)\.")


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_card_is_what_the_command_says(example: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PERDURE_WORLD", raising=False)
    world = f"sqlite:///{tmp_path}/evidence.db"
    played = subprocess.run(
        [sys.executable, "-m", "examples.evidence", example, world],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (played.returncode, played.stderr) == (0, "")
    kept = Path(example, "SCORECARD.md").read_text(encoding="utf-8")
    made_on = DATE.search(kept)
    assert made_on is not None
    done = say("scorecard", example, "--as-of", made_on[1], "--world", world)
    assert done.exit_code == 0, done.stderr
    assert LINE.sub(r"\1", kept) == LINE.sub(r"\1", done.stdout)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


def test_a_moved_line_is_no_change() -> None:
    assert LINE.sub(r"\1", "a/b.py:12: x 2:30<br>c.html:3: y") == "a/b.py: x 2:30<br>c.html: y"
