"""Answers, and what isn't one."""

from datetime import date
from pathlib import Path

import pytest

from perdure.errors import UsageError
from perdure.testing.scorecard.answers import read_answers

TODAY = date(2026, 11, 26)
GOOD = '[[answer]]\nitem = "refresh"\nscore = 2\ndate = 2026-11-01\nby = "Ann"\nwords = "seen"\n'


def read(folder: Path, text: str) -> object:
    (folder / "scorecard.toml").write_text(text)
    return read_answers(["a.py", "b.py"], {"refresh", "status"}, TODAY)


def test_the_newest_answer_counts(folder: Path) -> None:
    newer = GOOD.replace("11-01", "11-02").replace("score = 2", 'score = "n/a"')
    read(folder, newer + GOOD)
    [answer] = read_answers(["a.py"], {"refresh"}, TODAY).values()
    assert (answer.score, answer.date, answer.by, answer.words, answer.place) == (
        "n/a",
        date(2026, 11, 2),
        "Ann",
        "seen",
        "scorecard.toml",
    )
    assert not answer.is_stale(TODAY, 24) and answer.is_stale(TODAY, 23)


def test_no_file_is_no_answer(folder: Path) -> None:
    assert read_answers(["a.py"], {"refresh"}, TODAY) == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = ", "scorecard.toml is no TOML: "),
        ("[other]\n" + GOOD, "scorecard.toml has other: it holds [[answer]] tables, nothing else"),
        ("answer = 3\n", "scorecard.toml has an answer that is no list"),
        ("answer = [3]\n", "scorecard.toml, answer 1: by, date, item, score, words is missing or unknown"),
        (GOOD.replace("by", "who"), "scorecard.toml, answer 1: by, who is missing or unknown"),
        (GOOD + GOOD.replace("refresh", "refrsh"), "scorecard.toml, answer 2: there is no item 'refrsh'"),
        (GOOD.replace("= 2\n", "= 3\n"), 'answer 1: score=3 is neither 0, 1, 2 nor "n/a"'),
        (GOOD.replace("= 2\n", "= true\n"), "score=True is neither"),
        (GOOD.replace("2026-11-01", '"yesterday"'), "date='yesterday' is no day"),
        (GOOD.replace("2026-11-01", "2026-11-01T10:00:00"), "date='2026-11-01 10:00:00' is no day"),
        (GOOD.replace("2026-11-01", "2027-01-01"), "2027-01-01 is still to come"),
        (GOOD.replace('"seen"', '" "'), "words says nothing"),
        (GOOD.replace('"Ann"', "3"), "by says nothing"),
    ],
)
def test_what_is_no_answer(folder: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(folder, text)
    assert sentence in str(raised.value)
