"""What is said of a divergence: both sides in words, the turn, the source line."""

from typing import Any

import pytest

from perdure.core.divergence import Divergence, describe
from perdure.model.event import AttributesSet, CancelRequested, ChildCreated
from perdure.model.ids import RunId
from tests.core.logs import done, raw, sleep, step

ADVICE = "deploy the code that wrote the log, or guard the change with patched()"


def test_the_sentence_has_both_sides_and_the_line() -> None:
    found = Divergence(recorded="step app:charge({})", attempted="sleep until 5 ms", turn=3, line="app.py:7")
    assert found.sentence() == (
        "the code doesn't fit the log in turn 3: recorded is step app:charge({}), "
        f"attempted at app.py:7 is sleep until 5 ms; {ADVICE}"
    )


def test_the_sentence_without_a_line() -> None:
    found = Divergence(recorded="step app:charge({})", attempted="nothing", turn=0)
    assert found.sentence() == (
        f"the code doesn't fit the log in turn 0: recorded is step app:charge({{}}), attempted is nothing; {ADVICE}"
    )


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (None, "nothing"),
        (step("app:charge", '{"order":1}'), 'step app:charge({"order":1})'),
        (
            ChildCreated(run_id=RunId("wrun_1"), workflow="app:pay", input=raw('{"n":1}')),
            'child run app:pay({"n":1})',
        ),
        (sleep(5), "sleep until 5 ms"),
        (sleep(5, timeout=True), "timeout until 5 ms"),
        (AttributesSet(changes={"phase": "paid", "old": None}), "attributes {'phase': 'paid', 'old': None}"),
        (done(), "step completed"),
        (CancelRequested(), "cancel requested"),
    ],
)
def test_each_side_in_words(what: Any, words: str) -> None:
    assert describe(what) == words


def test_arguments_are_cut_at_200_characters() -> None:
    assert describe(step("app:charge", "x" * 200)) == f"step app:charge({'x' * 200})"
    assert describe(step("app:charge", "x" * 201)) == f"step app:charge({'x' * 200}…)"
