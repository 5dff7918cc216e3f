"""Rules of every log, each broken once: its order, its turns, its one end, and each thing in it once."""

import pytest
from msgspec import structs

from perdure.model.event import (
    AttributesSet,
    CancelRequested,
    HookCreated,
    PatchMarked,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRetried,
    RunUnblocked,
    StepStarted,
    WaitCreated,
)
from perdure.testing.simulation.checker.log import check_log
from perdure.testing.simulation.checker.row import RunLog
from perdure.world import Log, Row
from tests.core.logs import BOOM, done, failed, raw
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    NAP,
    TRIPPED,
    WORKER,
    altered,
    log_of,
    mailed,
    row,
    told,
)

CALL = called("checked:do", '{"what":"x"}')
FAILED = (*BEGUN, row(0, DO, CALL), row(1, DO, failed()), row(1, "", RunFailed(error=BOOM)))
CANCEL = CancelRequested(reason="enough")
BLOCKED = RunBlocked(sentence="it doesn't fit")


def found(*rows: Row) -> list[tuple[str, str]]:
    return found_in(log_of(*rows))


def found_in(log: Log) -> list[tuple[str, str]]:
    return told(check_log(RunLog(log)))


@pytest.mark.parametrize(
    "rows",
    [
        TRIPPED,
        TRIPPED[:1],
        TRIPPED[:-1],
        FAILED,
        (*FAILED, row(1, "", RunRetried(failure_seq=4)), row(1, DO, StepStarted(attempt=2)), row(2, DO, done())),
        (*TRIPPED[:5], row(1, "", BLOCKED)),
        (*TRIPPED[:5], row(1, "", BLOCKED), row(1, "", RunUnblocked()), *TRIPPED[5:]),
        (*TRIPPED[:5], mailed(2, CANCEL, "m1"), row(2, "", RunCancelled())),
    ],
    ids=["ended", "accepted", "running", "failed", "retried", "parked", "unparked", "cancelled"],
)
def test_a_healthy_log(rows: tuple[Row, ...]) -> None:
    assert found(*rows) == []


# -- order


def test_a_seq_that_is_missing() -> None:
    assert found(*altered(TRIPPED[:4], 4, seq=5)) == [
        ("L1 seqs have gaps", "[1, 2, 3, 5], and the run says 4"),
    ]


def test_a_length_that_is_not_the_logs() -> None:
    assert found_in(log_of(*TRIPPED[:3], length=4)) == [("L1 seqs have gaps", "[1, 2, 3], and the run says 4")]


def test_an_epoch_that_goes_back() -> None:
    assert found(*altered(TRIPPED[:4], 3, epoch=2)) == [("P8 an epoch goes back", "[1, 1, 2, 1]")]


def test_time_that_goes_back() -> None:
    assert found(*altered(TRIPPED[:4], 4, at_ms=2_999)) == [("L6 time goes back", "[1000, 2000, 3000, 2999]")]


def test_time_may_stand_still() -> None:
    assert found(*altered(TRIPPED[:4], 4, at_ms=3_000)) == []


# -- turns


def test_a_delivery_of_an_earlier_turn() -> None:
    assert found(*altered(TRIPPED[:6], 6, turn=0)) == [
        ("T1 a delivery of an earlier turn", "wait_completed at 6, turn 0 after 1"),
    ]


def test_mail_is_a_delivery_too() -> None:
    assert found(*TRIPPED[:6], mailed(1, CANCEL, "m1")) == [
        ("T1 a delivery of an earlier turn", "cancel_requested at 7, turn 1 after 2"),
    ]


def test_an_answer_behind_a_delivery_of_the_next_turn() -> None:
    late = row(1, "0/sleep#1", WaitCreated(due_ms=7_000))
    assert found(*TRIPPED[:6], late) == [("T1 an answer that is out of turn", "wait_created at 7, turn 1 in turn 2")]


def test_an_answer_ahead_of_its_turn() -> None:
    assert found(*altered(TRIPPED[:5], 5, turn=2)) == [
        ("T1 an answer that is out of turn", "wait_created at 5, turn 2 in turn 1"),
    ]


def test_what_the_world_decided_may_be_a_turn_of_its_own() -> None:
    hook, nap = row(0, "0/hook#0", HookCreated(token="t")), row(1, NAP, WaitCreated(due_ms=9_000))
    again = row(2, "0/sleep#1", WaitCreated(due_ms=9_000))
    assert found(*BEGUN, hook, nap) == []
    assert found(*BEGUN, structs.replace(hook, type="hook_conflict"), again) == [], (
        "nobody asked for anything in between"
    )
    assert found(*BEGUN, nap) == [("T1 an answer that is out of turn", "wait_created at 3, turn 1 in turn 0")]
    assert found(*BEGUN, hook, nap, again) == [
        ("T1 an answer that is out of turn", "wait_created at 5, turn 2 in turn 1")
    ]


def test_what_a_step_did_to_its_run_is_no_answer() -> None:
    attributes = AttributesSet(changes={"phase": "2"}, by_step=True)
    assert found(*TRIPPED[:6], row(1, DO, attributes)) == []
    assert found(*TRIPPED[:6], row(1, "0/attr#0", structs.replace(attributes, by_step=False))) == [
        ("T1 an answer that is out of turn", "attr_set at 7, turn 1 in turn 2"),
    ]


# -- ends


@pytest.mark.parametrize("end", [RunCompleted(result=raw("1")), RunFailed(error=BOOM), RunCancelled()])
def test_nothing_follows_an_end(end: RunCompleted | RunFailed | RunCancelled) -> None:
    assert found(*TRIPPED[:5], row(1, "", end), row(1, "", RunCancelled())) == [
        ("P7 something after the end", f"run_cancelled after {end.type}"),
    ]


def test_only_a_failure_is_retried() -> None:
    log = log_of(*TRIPPED, row(3, "", RunRetried(failure_seq=4)))
    assert found_in(log) == [("P7 something after the end", "run_retried after run_completed")]


@pytest.mark.parametrize(
    ("rows", "status", "detail"),
    [
        (TRIPPED, "running", "running after run_completed"),
        (TRIPPED, "failed", "failed after run_completed"),
        (TRIPPED[:-1], "completed", "completed after step_completed"),
        ((*TRIPPED[:5], row(1, "", BLOCKED)), "running", "running after run_blocked"),
        (TRIPPED[:5], "blocked", "blocked after wait_created"),
    ],
)
def test_a_status_that_is_not_the_logs(rows: tuple[Row, ...], status: str, detail: str) -> None:
    assert found_in(log_of(*rows, status=status)) == [("P7 the status isn't the log's", detail)]


@pytest.mark.parametrize("rows", [TRIPPED, (*TRIPPED[:5], row(1, "", BLOCKED))], ids=["ended", "parked"])
def test_an_owner_after_the_end(rows: tuple[Row, ...]) -> None:
    assert found_in(log_of(*rows, owner=WORKER)) == [("P7 an owner after the end", "wrkr_1")]


# -- once


def test_a_request_recorded_twice() -> None:
    assert found(*TRIPPED[:5], TRIPPED[4]) == [("T2 a request recorded twice", NAP)]


def test_a_patch_marked_twice() -> None:
    mark = row(1, "patch:way", PatchMarked(name="way", answer=True))
    assert found(*TRIPPED[:5], mark) == []
    assert found(*TRIPPED[:5], mark, mark) == [("T2 a request recorded twice", "patch:way")]


def test_an_outcome_recorded_twice() -> None:
    assert found(*TRIPPED[:4], TRIPPED[3]) == [("P2 an outcome recorded twice", DO)]


def test_a_failure_that_a_retry_took_back_is_no_second_outcome() -> None:
    retried = (*FAILED, row(1, "", RunRetried(failure_seq=4)), row(2, DO, failed(2)))
    assert found(*retried) == []
    assert found(*retried, row(3, DO, done("1", 3))) == [("P2 an outcome recorded twice", DO)]


def test_an_outcome_of_nothing() -> None:
    assert found(*TRIPPED[:2], TRIPPED[3]) == [("P2 an outcome of nothing", DO)]
