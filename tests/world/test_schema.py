"""Numbered scripts, in order and without gaps."""

from pathlib import Path

import pytest

from perdure.world.schema import scripts_in


def test_scripts_come_in_order(tmp_path: Path) -> None:
    for name, text in (("0002_more.sql", "second"), ("0001_runs.sql", "first: ä"), ("notes.txt", "none")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert scripts_in(tmp_path) == ("first: ä", "second")


def test_a_gap_is_refused(tmp_path: Path) -> None:
    for name in ("0001_runs.sql", "0003_late.sql"):
        (tmp_path / name).touch()
    with pytest.raises(AssertionError, match=r"without gaps: \[1, 3\]"):
        scripts_in(tmp_path)
