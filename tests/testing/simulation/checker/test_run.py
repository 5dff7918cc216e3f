"""Rules of runs and of what clients were told, each broken once: none lost, each ends, few are parked."""

from typing import Any

import pytest

from perdure.model.event import (
    CancelRequested,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunResumed,
    RunRetried,
    RunUnblocked,
)
from perdure.model.ids import RunId
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.run import check_run, check_stories
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.evidence import Violation
from perdure.testing.simulation.store import Watched
from perdure.world import Log, Row
from tests.core.logs import BOOM, failed, raw
from tests.testing.simulation.checker.history import (
    DO,
    ELSEWHERE,
    ME,
    OTHER,
    TRIPPED,
    WORKER,
    altered,
    detour,
    evidence_of,
    log_of,
    mailed,
    row,
    story_of,
    suite_of,
    told,
)

END = RunCompleted(result=raw('["did x","did end"]'))

# -- stories


def stories(*found: Story, logs: tuple[Log, ...] = (log_of(*TRIPPED),), **fields: Any) -> list[Violation]:
    return [*check_stories(evidence_of(*logs, stories=[*found], **fields))]


def test_healthy_stories() -> None:
    assert stories(story_of(told=END), story_of()) == []


def test_an_accepted_start_that_is_lost() -> None:
    assert stories(story_of(run_id=OTHER, told=END)) == [
        Violation("P1 an accepted start is lost", OTHER, "checked:trip"),
    ]


def test_a_start_that_nobody_acknowledged_may_be_lost() -> None:
    assert stories(story_of(run_id=None)) == []


@pytest.mark.parametrize("run_id", [ME, None])
def test_a_client_that_waits_for_ever(run_id: RunId | None) -> None:
    assert stories(story_of(run_id=run_id, done=False)) == [
        Violation("P1 a client waits for ever", run_id, "checked:trip"),
    ]


@pytest.mark.parametrize("end", [RunCompleted(result=raw('["did x"]')), RunFailed(error=BOOM), RunCancelled()])
def test_a_client_that_was_told_another_end(end: Any) -> None:
    assert stories(story_of(told=end)) == [Violation("P7 a client was told another end", ME, end.type)]


def test_a_client_may_be_told_of_an_end_that_was_taken_back() -> None:
    retried = (
        *TRIPPED[:3],
        row(1, DO, failed()),
        row(1, "", RunFailed(error=BOOM)),
        row(1, "", RunRetried(failure_seq=4)),
    )
    assert stories(story_of(told=RunFailed(error=BOOM)), logs=(log_of(*retried),)) == []


def test_a_run_that_was_born_to_the_dead() -> None:
    assert stories(watched=Watched(born_dead=[ME])) == [
        Violation("O2 born with an owner whose lease was over", ME, ""),
    ]


def test_an_append_by_somebody_else() -> None:
    assert stories(watched=Watched(unowned=[ME])) == [
        Violation("P8 an append by somebody else than the owner", ME, ""),
    ]


# -- runs


def found(*rows: Row, row_says: dict[str, Any] | None = None, **fields: Any) -> list[tuple[str, str]]:
    log = log_of(*rows, **(row_says or {}))
    return told(check_run(evidence_of(log, **fields), RunLog(log)))


def parked(sentence: str) -> Row:
    return row(1, "", RunBlocked(sentence=sentence))


DIED, UNSTORED = parked("its worker's process has died 3 times"), parked("its log could not be written: ValueError()")
MISFIT = parked("the code doesn't fit the log")
UNBLOCKED = row(1, "", RunUnblocked())
LOST = ("P1 a run didn't end", "checked:trip is blocked, owner None, wakes None, mail 0, last run_blocked")


def test_a_healthy_run() -> None:
    assert found(*TRIPPED) == []


def test_a_run_that_did_not_end() -> None:
    standing = {"owner": WORKER, "wake_at_ms": 6_000, "mail": 2}
    assert found(*TRIPPED[:5], row_says=standing) == [
        (
            "P1 a run didn't end",
            "checked:trip is running, owner wrkr_1, wakes 6000, mail 2, last wait_created",
        )
    ]


def test_a_workflow_that_only_programs_start_must_end_too() -> None:
    assert found(*TRIPPED, row_says={"workflow": "checked:kid"}) == []
    assert [rule for rule, _ in found(*TRIPPED[:5], row_says={"workflow": "checked:kid"})] == ["P1 a run didn't end"]
    assert found(*TRIPPED[:5], MISFIT, row_says={"workflow": "checked:kid"}) == [
        ("P9 a healthy run was parked", "there is only one code: the code doesn't fit the log"),
        ("P1 a run didn't end", LOST[1].replace("trip", "kid")),
    ]


def test_what_user_code_must_not_catch() -> None:
    caught = altered(TRIPPED, 4, payload=b'{"attempt":1,"result":"caught"}')
    assert found(*caught, suite=suite_of(never="caught")) == [("T7 user code caught what it can't", "caught")]
    assert found(*caught) == []
    assert found(*TRIPPED, suite=suite_of(never="caught")) == []


# -- parked


@pytest.mark.parametrize(
    ("blocked", "excuse", "detail"),
    [
        (DIED, "crashes", "it has killed nobody: its worker's process has died 3 times"),
        (UNSTORED, "indigestible", "the store takes all it writes: its log could not be written: ValueError()"),
    ],
)
def test_a_healthy_run_that_was_parked(blocked: Row, excuse: str, detail: str) -> None:
    rows = (*TRIPPED[:5], blocked)
    assert found(*rows) == [("P9 a healthy run was parked", detail), LOST]
    assert found(*rows, suite=suite_of(**{excuse: True})) == []
    assert found(*rows, UNBLOCKED, *TRIPPED[5:]) == [("P9 a healthy run was parked", detail)]


@pytest.mark.parametrize("blocked", [DIED, UNSTORED])
def test_what_only_programs_start_is_never_to_blame(blocked: Row) -> None:
    assert len(found(*TRIPPED[:5], blocked, row_says={"workflow": "checked:kid"})) == 2


def test_only_a_parked_run_may_stand_still() -> None:
    assert [rule for rule, _ in found(*TRIPPED[:5], suite=suite_of(crashes=True))] == ["P1 a run didn't end"]


def test_a_program_that_crashes_is_not_parked_for_its_store() -> None:
    assert [rule for rule, _ in found(*TRIPPED[:5], UNSTORED, suite=suite_of(crashes=True))] == [
        "P9 a healthy run was parked",
    ]


@pytest.mark.parametrize("rows", [TRIPPED[:5], ELSEWHERE[:7]], ids=["that fits", "that doesn't"])
def test_one_code_fits_what_it_wrote(rows: tuple[Row, ...]) -> None:
    assert found(*rows, MISFIT) == [
        ("P9 a healthy run was parked", "there is only one code: the code doesn't fit the log"),
        LOST,
    ]


TWO_CODES = suite_of(versions={1: detour})
BY_OTHER_CODE = (*TRIPPED[:7], row(2, "", RunResumed(deployment="d1")), MISFIT)
"""`detour` would not have asked for this end."""


def test_code_that_does_not_fit_parks_a_run() -> None:
    assert found(*BY_OTHER_CODE, suite=TWO_CODES, version=1) == []
    assert found(*BY_OTHER_CODE, UNBLOCKED, *TRIPPED[7:], suite=TWO_CODES, version=0) == []


def test_a_run_that_fits_the_last_code_must_not_stay_parked() -> None:
    assert found(*BY_OTHER_CODE, suite=TWO_CODES, version=0) == [LOST]


def test_code_that_fits_parks_nothing() -> None:
    fits = "the code that parked it fits: the code doesn't fit the log"
    assert found(*TRIPPED[:7], MISFIT, suite=TWO_CODES, version=1) == [("P9 a healthy run was parked", fits)]
    back = row(2, "", RunResumed(deployment="d0"))
    assert found(*BY_OTHER_CODE[:8], back, MISFIT, suite=TWO_CODES, version=1) == [
        ("P9 a healthy run was parked", fits)
    ]


def test_what_was_written_after_it_is_no_reason_to_park() -> None:
    """Before the second answer both codes fit."""
    early = (*TRIPPED[:6], row(2, "", RunResumed(deployment="d1")), MISFIT)
    assert [rule for rule, _ in found(*early, *TRIPPED[6:], suite=TWO_CODES)] == ["P9 a healthy run was parked"]


# -- results

OTHER_END = row(3, "", RunCompleted(result=raw('["did x"]')))
ANOTHER_RESULT = "P3 another result than without faults"


def test_another_result() -> None:
    assert found(*TRIPPED[:-1], OTHER_END, stories=[story_of()]) == [
        (ANOTHER_RESULT, "run_completed ['did x'], expected run_completed ['did x', 'did end']"),
    ]


def test_another_end() -> None:
    assert found(*TRIPPED[:-1], row(3, "", RunFailed(error=BOOM))) == [
        (ANOTHER_RESULT, "run_failed builtins:ValueError, expected run_completed ['did x', 'did end']"),
    ]


def test_a_program_that_is_not_steady_may_come_to_any_result() -> None:
    assert found(*TRIPPED[:-1], OTHER_END, suite=suite_of(steady=False)) == []


def test_a_run_that_was_meddled_with_may_come_to_any_result() -> None:
    cancelled = (*TRIPPED[:5], mailed(2, CancelRequested(), "mail_1"), row(2, "", RunCancelled()))
    retried = (*TRIPPED[:5], row(1, "", RunRetried(failure_seq=4)), *TRIPPED[5:-1], OTHER_END)
    assert found(*cancelled) == []
    assert found(*retried) == []


def test_a_cancel_that_came_too_late_to_be_recorded_is_one() -> None:
    forced = (*TRIPPED[:5], row(1, "", RunCancelled(forced=True)))
    assert found(*forced, stories=[story_of(graces=[0])]) == []
    assert [rule for rule, _ in found(*forced, stories=[story_of(run_id=OTHER, graces=[0])])] == [ANOTHER_RESULT]
