"""Rules of transactional steps, each broken once: the rows of their table against what their logs say."""

from typing import Any

import pytest

from perdure.model.event import StepCompleted
from perdure.model.ids import step_id
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.transaction import check_rows, check_transactions
from perdure.testing.simulation.store import Booked
from perdure.world import Row
from tests.core.logs import raw
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import BEGUN, BOOKED, ME, TRIPPED, evidence_of, log_of, row, told

STEP = step_id(ME, BOOKED)
CALLED = (*BEGUN, row(0, BOOKED, called("checked:booked", '{"what":"x"}')))
APART = "S9 rows without their completion, or the other way round"


def completed(attempt: int) -> Row:
    return row(1, BOOKED, StepCompleted(attempt=attempt, result=raw('"did x"')))


def found(*rows: Row, booked: list[Booked]) -> list[tuple[str, str]]:
    log = log_of(*rows)
    evidence: Any = evidence_of(log, booked=booked)
    stray = [(violation.rule, violation.detail) for violation in check_rows(evidence)]
    return [*told(check_transactions(evidence, RunLog(log))), *stray]


def test_rows_with_their_completion_are_well() -> None:
    assert found(*CALLED, completed(2), booked=[Booked(STEP, 2)]) == []
    assert found(*CALLED, booked=[]) == []
    assert found(*TRIPPED, booked=[]) == []


@pytest.mark.parametrize(
    ("rows", "booked", "detail"),
    [
        ((*CALLED, completed(1)), [], "completed in attempt 1, rows of attempts []"),
        ((*CALLED, completed(2)), [1], "completed in attempt 2, rows of attempts [1]"),
        ((*CALLED, completed(2)), [1, 2], "completed in attempt 2, rows of attempts [1, 2]"),
        (CALLED, [1], "not completed, rows of attempts [1]"),
    ],
)
def test_what_is_apart_is_seen(rows: tuple[Row, ...], booked: list[int], detail: str) -> None:
    assert found(*rows, booked=[Booked(STEP, attempt) for attempt in booked]) == [(APART, f"{BOOKED}: {detail}")]


def test_a_row_too_many_is_seen() -> None:
    assert ("S9 a row that is there more than once", f"{STEP}, 2 times") in found(
        *CALLED, completed(1), booked=[Booked(STEP, 1)] * 2
    )


def test_a_row_of_nobody_is_seen() -> None:
    nobody = step_id(ME, "0/step:checked:booked#7")
    assert found(*CALLED, booked=[Booked(nobody, 1)]) == [("S9 a row of a step that no log knows", nobody)]
