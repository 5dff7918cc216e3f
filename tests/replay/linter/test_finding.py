"""What the linter says, as text and as JSON."""

import dataclasses

import pytest

from perdure.replay.linter.finding import Finding

FINDING = Finding("app.py", 12, 9, "fulfil", "clock", "time.time() reads the clock", "now()")


def test_as_text() -> None:
    assert str(FINDING) == "app.py:12:9 clock time.time() reads the clock; use now()"


def test_as_json() -> None:
    assert FINDING.as_json() == {
        "file": "app.py",
        "line": 12,
        "column": 9,
        "function": "fulfil",
        "rule": "clock",
        "message": "time.time() reads the clock",
        "instead": "now()",
    }


def test_the_order_is_that_of_the_file() -> None:
    later = dataclasses.replace(FINDING, line=100)
    assert sorted([later, FINDING]) == [FINDING, later]


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FINDING.line = 13  # type: ignore[misc]
