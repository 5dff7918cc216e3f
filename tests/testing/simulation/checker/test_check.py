"""The checker as a whole: a healthy history passes, and what each of its parts finds is passed on."""

from typing import Any

import pytest

from perdure.model.event import RunCompleted
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.evidence import Violation
from perdure.testing.simulation.store import Watched
from perdure.world import Log, Row
from tests.core.logs import raw
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    END,
    LEFT,
    ME,
    OTHER,
    RIGHT,
    TRIPPED,
    altered,
    effect_of,
    evidence_of,
    log_of,
    row,
    story_of,
)

HEALTHY = log_of(*TRIPPED)
OTHER_RESULT = RunCompleted(result=raw("1"))


def found(*logs: Log, prefixes: bool = True, **fields: Any) -> list[str]:
    return [str(violation) for violation in check(evidence_of(*logs, **fields), prefixes=prefixes)]


def test_a_healthy_history() -> None:
    effects = [effect_of(key, run_id=run_id) for run_id in (ME, OTHER) for key in (DO, END)]
    stories = [story_of(told=RunCompleted(result=raw('["did x","did end"]'))), story_of(run_id=OTHER)]
    assert found(HEALTHY, log_of(*TRIPPED, run_id=OTHER), effects=effects, stories=stories) == []


def test_where_nothing_ran_nothing_is_wrong() -> None:
    assert found() == []


def test_errors_that_nobody_handled() -> None:
    assert check(evidence_of(HEALTHY, mischief=["worker1: oops"])) == [
        Violation("an unhandled error", None, "worker1: oops"),
    ]


def test_a_step_of_a_run_that_is_not_there() -> None:
    lost = [effect_of(run_id=OTHER), effect_of(END, run_id=OTHER)]
    assert check(evidence_of(HEALTHY, effects=lost)) == [
        Violation("P1 a step of a run that isn't there", OTHER, ""),
    ]


def test_effects_belong_to_their_own_run() -> None:
    again = effect_of(run_id=OTHER, recorded=True)
    assert found(HEALTHY, log_of(*TRIPPED, run_id=OTHER), effects=[again]) == [
        f"P2 a body begun after its outcome was recorded: checked:do, attempt 1, on wrkr_1 in epoch 1 ({OTHER})",
    ]


@pytest.mark.parametrize(
    ("rows", "fields", "expected"),
    [
        (TRIPPED, {"stories": [story_of(done=False)]}, "P1 a client waits for ever: checked:trip"),
        (
            altered(TRIPPED, 9, at_ms=7_999),
            {},
            "L6 time goes back: [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000, 7999]",
        ),
        (altered(TRIPPED, 4, mail_id="mail_1"), {}, "P4 a letter that nobody sent: mail_1"),
        (altered(TRIPPED, 6, at_ms=5_999), {}, "P5 a wait ended early: 0/sleep#0: 1 ms"),
        (
            TRIPPED,
            {"watched": Watched(early={ME})},
            "S5 a body ran though its run was cancelled before: 0",
        ),
        (
            TRIPPED[:5],
            {},
            "P1 a run didn't end: checked:trip is running, owner wrkr_1, wakes None, mail 0, last wait_created",
        ),
    ],
    ids=["stories", "log", "mail", "waits", "steps", "run"],
)
def test_each_part_has_its_say(rows: tuple[Row, ...], fields: dict[str, Any], expected: str) -> None:
    assert found(log_of(*rows), **fields) == [f"{expected} ({ME})"]


def test_replay_has_its_say() -> None:
    rules = [violation.rule for violation in check(evidence_of(log_of(*TRIPPED[:-1], row(3, "", OTHER_RESULT))))]
    assert rules == ["P3 the replay ends otherwise", "P3 another result than without faults"]


def turned(run_id: Any) -> Log:
    """Its parts ask for something else, and that alone is wrong with it before its end."""
    return log_of(*BEGUN, RIGHT, LEFT, run_id=run_id, workflow="checked:both")


def of_parts(*logs: Log, prefixes: bool) -> list[object]:
    violations = check(evidence_of(*logs), prefixes=prefixes)
    return [violation.run_id for violation in violations if violation.rule.startswith("P3 a part of the log")]


def test_the_parts_of_one_log_are_replayed_and_only_on_demand() -> None:
    """Of the run with the least id: a cost of one log for each simulation, whatever it holds."""
    assert of_parts(turned(OTHER), turned(ME), prefixes=True) == [ME]
    assert of_parts(HEALTHY, turned(OTHER), prefixes=True) == []
    assert of_parts(turned(ME), prefixes=False) == []
