"""Rules of steps, each broken once: what their bodies did, by the ledger, against what their log says."""

from dataclasses import replace
from typing import Any

import pytest

from perdure.model.event import (
    AttributesSet,
    Fact,
    RequestsReleased,
    RunFailed,
    RunRetried,
    StepFailed,
    StepRetrying,
    StepStarted,
    WaitCreated,
)
from perdure.model.failure import Failure
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.checker.step import check_steps
from perdure.testing.simulation.ledger import Effect
from perdure.testing.simulation.store import Watched
from perdure.world import Row
from tests.core.logs import BOOM, done, failed
from tests.core.logs import step as called
from tests.testing.simulation.checker.history import (
    BEGUN,
    DO,
    END,
    ME,
    ONCE,
    TRIPPED,
    effect_of,
    evidence_of,
    log_of,
    row,
    told,
)

CALLED = (*BEGUN, row(0, DO, called("checked:do", '{"what":"x"}')))
CALLED_ONCE = (*BEGUN, row(0, ONCE, called("checked:once", '{"what":"x"}', at_most_once=True)))
SHAKEN = Failure(type="perdure.testing.simulation.effect:Shaken", message="did x in attempt 1")
FAILED = (*CALLED, row(1, DO, failed()), row(1, "", RunFailed(error=BOOM)))
RETRIED = row(1, "", RunRetried(failure_seq=4))


def started(attempt: int, key: str = DO, epoch: int = 1) -> Row:
    return row(0, key, StepStarted(attempt=attempt), epoch=epoch)


def retrying(attempt: int, key: str = DO, at_ms: int = 4_000, epoch: int = 1) -> Row:
    return row(0, key, StepRetrying(attempt=attempt, error=SHAKEN, retry_at_ms=at_ms), epoch=epoch)


def found(*rows: Row, effects: tuple[Effect, ...] = (), **fields: Any) -> list[tuple[str, str]]:
    log = log_of(*rows)
    return told(check_steps(evidence_of(log, **fields), RunLog(log), [*effects]))


# -- bodies

NAMED = "checked:do, attempt 1, on wrkr_1 in epoch 1"


def test_healthy_steps() -> None:
    assert found(*TRIPPED, effects=(effect_of(DO), effect_of(END))) == []
    assert found(*TRIPPED, effects=(effect_of(DO), effect_of(DO, epoch=2), effect_of(END))) == []  # at least once


def test_one_owner_begins_an_attempt_once() -> None:
    twice = (effect_of(DO, epoch=2), effect_of(DO), effect_of(DO))
    detail = "checked:do, attempt 1, in epoch 1: 2 times"
    assert found(*TRIPPED, effects=twice) == [("P2 an attempt begun twice by one owner", detail)]


def test_a_body_begun_after_its_outcome() -> None:
    again = effect_of(recorded=True)
    assert found(*TRIPPED, effects=(again,)) == [("P2 a body begun after its outcome was recorded", NAMED)]


def test_a_worker_that_lost_the_run_cannot_see_the_outcome() -> None:
    assert found(*TRIPPED, effects=(effect_of(recorded=True, missing=("wrun_2",), owner=False),)) == []


def test_a_step_that_was_told_of_a_run_too_early() -> None:
    told_of = effect_of(missing=("wrun_2",))
    assert found(*TRIPPED, effects=(told_of,)) == [("L5 a step was told of what isn't there", NAMED)]


def test_a_body_begun_without_a_lease() -> None:
    lapsed = effect_of(lease_live=False, epoch=None)
    unleased = ("O3 a body begun without a live lease", "checked:do, attempt 1, on wrkr_1 in epoch None")
    assert found(*TRIPPED, effects=(lapsed,)) == [unleased]
    assert found(*TRIPPED, effects=(lapsed,), late_ms=40, skew_ms=40) == [unleased]


def test_a_store_whose_clock_went_forward_ends_leases_unseen() -> None:
    assert found(*TRIPPED, effects=(effect_of(lease_live=False),), late_ms=500, skew_ms=40) == []


def test_a_body_of_a_run_that_was_cancelled_before() -> None:
    watched = Watched(early={ME})
    assert found(*BEGUN, watched=watched) == []
    assert found(*BEGUN, effects=(effect_of(),), watched=watched) == [
        ("S5 a body ran though its run was cancelled before", "1"),
    ]
    assert found(*CALLED, watched=watched) == [("S5 a body ran though its run was cancelled before", "0")]


# -- attempts


@pytest.mark.parametrize(
    "rows",
    [
        (retrying(1), started(2), retrying(2), started(3)),
        (started(2, epoch=2), started(3, epoch=3)),
        (started(1), started(2, epoch=2)),
        (row(0, DO, AttributesSet(changes={}, by_step=True)), started(1), row(1, DO, done())),
        (retrying(1), started(2), started(3, epoch=2), row(1, DO, done(attempt=3), epoch=2)),
    ],
    ids=["failed", "taken over", "on probation", "saying something", "failed, then taken over"],
)
def test_attempts_with_a_cause(rows: tuple[Row, ...]) -> None:
    assert found(*CALLED, *rows) == []


def test_a_failed_step_is_tried_again_in_a_retried_run() -> None:
    assert found(*FAILED, RETRIED, started(2), row(2, DO, done(attempt=2))) == []


def test_a_retry_of_the_run_is_no_cause_for_steps_that_came_later() -> None:
    retried = (*FAILED, RETRIED, row(2, DO, done(attempt=1)), row(2, END, called("checked:do", '{"what":"end"}')))
    assert found(*retried, started(1, END)) == []
    assert found(*retried, started(2, END)) == [("P2 an attempt without a cause", f"{END}: 2")]


@pytest.mark.parametrize("attempt", [1, 3])
def test_attempts_out_of_order(attempt: int) -> None:
    assert found(*CALLED, retrying(1), started(attempt)) == [
        ("P2 attempts out of order", f"{DO}: {attempt} after 1"),
    ]


def test_an_at_most_once_step_begins_with_attempt_1() -> None:
    assert found(*CALLED_ONCE, started(1, ONCE)) == []
    assert found(*CALLED_ONCE, started(2, ONCE)) == [("P2 attempts out of order", f"{ONCE}: 2 after 0")]


def test_an_attempt_without_a_cause() -> None:
    assert found(*CALLED, started(2)) == [("P2 an attempt without a cause", f"{DO}: 2")]
    assert found(*CALLED, retrying(1), started(2), started(3)) == [("P2 an attempt without a cause", f"{DO}: 3")]
    assert found(*CALLED, started(2, epoch=2), started(3, epoch=2)) == [("P2 an attempt without a cause", f"{DO}: 3")]


def test_the_start_that_is_implied_is_recorded_once_at_most_and_by_its_own_owner() -> None:
    assert found(*CALLED, started(1, epoch=2)) == [("P2 attempts out of order", f"{DO}: 1 after 1")]
    assert found(*CALLED, started(1), started(1)) == [
        ("P2 attempts out of order", f"{DO}: 1 after 1"),
        ("P2 an attempt without a cause", f"{DO}: 1"),
    ]


def test_an_attempt_after_the_outcome() -> None:
    after = [("P2 an attempt after the outcome", f"{DO}: 2")]
    assert found(*CALLED, row(1, DO, done()), started(2, epoch=2)) == after
    assert found(*CALLED, row(1, DO, failed()), started(2, epoch=2)) == after


@pytest.mark.parametrize("fact", [done(attempt=2), failed(2), StepRetrying(attempt=2, error=BOOM, retry_at_ms=0)])
def test_an_outcome_of_another_attempt(fact: Fact) -> None:
    assert found(*CALLED, row(1, DO, fact)) == [
        ("P2 an outcome of another attempt", f"{DO}: {fact.type} of 2, begun is 1"),
    ]
    assert found(*CALLED, retrying(1), started(2), row(1, DO, fact)) == []


def test_an_at_most_once_outcome_without_a_start() -> None:
    assert found(*CALLED_ONCE, row(1, ONCE, done())) == [
        ("P2 an outcome of another attempt", f"{ONCE}: step_completed of 1, begun is 0"),
    ]


# -- budget (two retries)


def given_up(attempt: int) -> Row:
    return row(1, DO, StepFailed(attempt=attempt, error=SHAKEN))


TWICE = (*CALLED, retrying(1), started(2), retrying(2), started(3))


def test_a_budget_that_is_used_up() -> None:
    assert found(*TWICE, given_up(3)) == []


def test_more_retries_than_the_budget_has() -> None:
    assert found(*TWICE, retrying(3)) == [("S2 more retries than the budget has", f"{DO}: 3 of 2")]


def test_given_up_too_early() -> None:
    assert found(*CALLED, retrying(1), started(2), given_up(2)) == [("S2 given up too early", f"{DO}: 1 of 2 retries")]


def test_interruptions_cost_nothing() -> None:
    taken_over = (*CALLED, started(2, epoch=2), started(3, epoch=3))
    assert found(*taken_over, row(1, DO, StepFailed(attempt=3, error=SHAKEN), epoch=3)) == [
        ("S2 given up too early", f"{DO}: 0 of 2 retries"),
    ]


def test_other_errors_may_end_a_step_at_once() -> None:
    assert found(*CALLED, row(1, DO, failed())) == []


def test_a_retried_run_has_a_fresh_budget() -> None:
    retried = (*TWICE, given_up(3), row(1, "", RunFailed(error=SHAKEN)), row(1, "", RunRetried(failure_seq=8)))
    again = (started(4), retrying(4), started(5), retrying(5), started(6))
    assert found(*retried, *again, given_up(6)) == []
    assert found(*retried, *again[:3], given_up(5)) == [("S2 given up too early", f"{DO}: 1 of 2 retries")]


# -- back-off


def test_a_retry_at_its_time() -> None:
    assert found(*CALLED, retrying(1), started(2), effects=(effect_of(attempt=2, at_ms=4_000),)) == []


def test_a_retry_before_its_time() -> None:
    early = effect_of(attempt=2, at_ms=3_660)
    expected = [("S2 a retry before its time", f"{DO}: attempt 2, 340 ms early")]
    assert found(*CALLED, retrying(1), started(2), effects=(early,)) == expected
    assert found(*CALLED, retrying(1), started(2), effects=(early,), skew_ms=39, back_ms=300) == expected
    assert found(*CALLED, retrying(1), started(2), effects=(early,), skew_ms=40, back_ms=300) == []


def test_other_attempts_know_nothing_of_this_back_off() -> None:
    first, other = effect_of(attempt=1, at_ms=3_000), effect_of(END, attempt=2, at_ms=3_000)
    assert found(*CALLED, retrying(1), effects=(first, other)) == []


@pytest.mark.parametrize("epoch", [1, None])
def test_a_worker_that_lost_the_run_knows_nothing_of_it_either(epoch: int | None) -> None:
    early = effect_of(attempt=2, at_ms=3_000, epoch=epoch)
    rows = (*CALLED, retrying(1, epoch=2), started(2, epoch=2))
    assert found(*rows, effects=(early,)) == []
    assert found(*rows, effects=(replace(early, epoch=3),)) == [
        ("S2 a retry before its time", f"{DO}: attempt 2, 1000 ms early"),
    ]


# -- at most once


def once(attempt: int = 1) -> Effect:
    return effect_of(ONCE, attempt, at_ms=9_000)


def test_at_most_once() -> None:
    assert found(*CALLED_ONCE, started(1, ONCE), effects=(once(),)) == []
    retried = (*CALLED_ONCE, started(1, ONCE), retrying(1, ONCE), started(2, ONCE))
    assert found(*retried, effects=(once(), once(2))) == []


def test_an_at_most_once_attempt_that_has_begun_twice() -> None:
    assert found(*CALLED_ONCE, started(1, ONCE), effects=(once(), replace(once(), epoch=2))) == [
        ("S3 an at-most-once body", f"{ONCE}: attempt 1 has begun 2 times"),
        ("S3 an at-most-once body", f"{ONCE}: begun 2 times, with 0 causes for another"),
    ]


def test_an_at_most_once_body_is_not_begun_again_by_another_owner() -> None:
    interrupted = (*CALLED_ONCE, started(1, ONCE), started(2, ONCE, epoch=2))
    assert found(*interrupted, effects=(once(), once(2))) == [
        ("S3 an at-most-once body", f"{ONCE}: begun 2 times, with 0 causes for another"),
    ]


def test_an_at_most_once_body_without_a_recorded_start() -> None:
    assert found(*CALLED_ONCE, effects=(once(),)) == [
        ("S3 an at-most-once body", f"{ONCE}: attempts [1] have begun without a recorded start"),
    ]


# -- retries of the run


def test_a_failure_that_nothing_followed_is_taken_back() -> None:
    released = row(1, "", RequestsReleased(keys=(END,)))
    by_step = row(1, END, AttributesSet(changes={}, by_step=True))
    assert found(*FAILED[:4], released, by_step, FAILED[4], RETRIED) == []


def test_a_failure_that_the_body_has_acted_on() -> None:
    acted = (*FAILED[:4], row(1, "0/sleep#0", WaitCreated(due_ms=9_000)), FAILED[4])
    assert found(*acted, RETRIED) == [
        ("S6 a retry in place", "step_failed at 4 was taken back, 1 requests followed it"),
    ]


def test_only_failures_are_taken_back() -> None:
    assert found(*FAILED, row(1, "", RunRetried(failure_seq=3))) == [
        ("S6 a retry in place", "step_created at 3 was taken back, 0 requests followed it"),
    ]
