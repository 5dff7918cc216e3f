"""Attempts of steps: when they began and how they ended, also by a death, a release, an end, a retry of the run."""

from msgspec.structs import replace

from perdure.core.attempt import attempts_of
from perdure.model.event import (
    RequestsReleased,
    RunBlocked,
    RunCompleted,
    RunFailed,
    RunRetried,
    RunUnblocked,
    StepCompleted,
    StepQueued,
    StepRetrying,
    StepStarted,
)
from perdure.model.ids import RunId
from tests.core.logs import BOOM, SECOND, done, failed, log, raw, step


def told(*lines: object) -> list[tuple[int, int, str, int | None]]:
    [attempts] = attempts_of(log((0, "a", step()), *lines)).values()  # type: ignore[arg-type]
    return [(each.number, each.began_at_ms, each.status, each.ended_at_ms) for each in attempts]


def test_an_attempt_that_goes_on() -> None:
    assert told() == [(1, 3 * SECOND, "running", None)]


def test_a_failure_then_another_attempt() -> None:
    retrying = StepRetrying(attempt=1, duration_ms=100, error=BOOM, retry_at_ms=9 * SECOND)
    assert told((0, "a", retrying), (0, "a", StepStarted(attempt=2)), (1, "a", done(attempt=2))) == [
        (1, 3 * SECOND, "failed", 4 * SECOND),
        (2, 5 * SECOND, "completed", 6 * SECOND),
    ]


def test_a_short_one_began_before_its_start_was_committed() -> None:
    completed = StepCompleted(attempt=1, duration_ms=1500, result=raw("1"))
    assert told((1, "a", completed)) == [(1, 2500, "completed", 4 * SECOND)]


def test_a_death_is_told_by_the_next_start() -> None:
    assert told((0, "a", StepStarted(attempt=2))) == [
        (1, 3 * SECOND, "interrupted", 4 * SECOND),
        (2, 4 * SECOND, "running", None),
    ]


def test_a_block_interrupts() -> None:
    blocked = (1, "", RunBlocked(sentence="it kills its workers"))
    assert told(blocked) == [(1, 3 * SECOND, "interrupted", 4 * SECOND)]
    assert told(blocked, (1, "", RunUnblocked()), (1, "a", StepStarted(attempt=2))) == [
        (1, 3 * SECOND, "interrupted", 4 * SECOND),
        (2, 6 * SECOND, "running", None),
    ]


def test_one_whose_start_is_committed_first_is_one() -> None:
    """So it is in a run that has killed its workers."""
    assert told((0, "a", StepStarted(attempt=1)), (1, "a", StepStarted(attempt=2))) == [
        (1, 4 * SECOND, "interrupted", 5 * SECOND),
        (2, 5 * SECOND, "running", None),
    ]


def test_at_most_once_begins_with_its_start() -> None:
    [attempts] = attempts_of(log((0, "a", step(at_most_once=True)))).values()
    assert attempts == []


def test_what_nobody_waits_for_is_cancelled() -> None:
    assert told((1, "", RequestsReleased(keys=("a", "other"))), (1, "a", done())) == [
        (1, 3 * SECOND, "cancelled", 4 * SECOND)
    ]
    assert told((1, "", RunCompleted(result=raw("1")))) == [(1, 3 * SECOND, "cancelled", 4 * SECOND)]


def test_a_failure_that_was_taken_back_stays_for_people() -> None:
    lines = ((1, "a", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=4)))
    assert told(*lines, (1, "a", StepStarted(attempt=2))) == [
        (1, 3 * SECOND, "failed", 4 * SECOND),
        (2, 7 * SECOND, "running", None),
    ]


def test_the_error_of_a_failure() -> None:
    [[attempt]] = attempts_of(log((0, "a", step()), (1, "a", failed()))).values()
    assert attempt.error == BOOM


SENT = StepQueued(queue="gpu", run_id=RunId("wrun_2"), attempt=1, max_recoveries=5)


def test_in_a_queue_only_the_last_is_known() -> None:
    assert told((0, "a", SENT)) == []
    completed = StepCompleted(attempt=3, duration_ms=500, result=raw("1"))
    assert told((0, "a", SENT), (1, "a", completed)) == [(3, 4500, "completed", 5 * SECOND)]


def test_what_began_here_goes_on_in_a_queue() -> None:
    completed = StepCompleted(attempt=2, duration_ms=500, result=raw("1"))
    assert told((0, "a", replace(SENT, attempt=2)), (1, "a", completed)) == [
        (1, 3 * SECOND, "interrupted", 4 * SECOND),
        (2, 4500, "completed", 5 * SECOND),
    ]


def test_an_outcome_from_a_queue_that_nobody_waits_for() -> None:
    assert told((0, "a", SENT), (1, "", RequestsReleased(keys=("a",))), (2, "a", done())) == []
