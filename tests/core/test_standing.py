"""Where a run stands: its steps and waits through their lives, and what it waits for, in words."""

from typing import Any

import pytest
from msgspec.structs import replace

from perdure.core.standing import Reason, queued_names, reasons_of, steps_of, waits_of
from perdure.model.event import (
    AnyFact,
    ChildCreated,
    QueuedStep,
    RequestsReleased,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunCreated,
    RunFailed,
    RunRetried,
    RunUnblocked,
    StepQueued,
    StepRetrying,
    StepStarted,
    WaitCompleted,
)
from perdure.model.ids import RunId
from tests.core.logs import BOOM, SECOND, done, failed, log, raw, sleep, step

CHILD = ChildCreated(run_id=RunId("wrun_child"), workflow="app:pay", input=raw("{}"))
RETRYING = StepRetrying(attempt=1, error=BOOM, retry_at_ms=99 * SECOND)


@pytest.mark.parametrize(
    ("lines", "standing"),
    [
        ([], {"status": "running", "attempt": 1, "started_at_ms": 3 * SECOND, "completed_at_ms": None}),
        ([(0, "a", RETRYING)], {"status": "retrying", "attempt": 1, "error": BOOM, "retry_at_ms": 99 * SECOND}),
        (
            [(0, "a", RETRYING), (0, "a", StepStarted(attempt=2))],
            {"status": "running", "attempt": 2, "error": BOOM, "retry_at_ms": None},
        ),
        (
            [(0, "a", RETRYING), (0, "a", StepStarted(attempt=2)), (1, "a", done("7", attempt=2))],
            {"status": "completed", "attempt": 2, "output": raw("7"), "error": None, "completed_at_ms": 6 * SECOND},
        ),
        (
            [(1, "a", failed(attempt=1))],
            {"status": "failed", "attempt": 1, "error": BOOM, "completed_at_ms": 4 * SECOND},
        ),
        ([(1, "", RequestsReleased(keys=("a",)))], {"status": "cancelled", "completed_at_ms": 4 * SECOND}),
        ([(0, "a", RETRYING), (1, "", RunCancelled())], {"status": "cancelled", "retry_at_ms": None}),
        ([(1, "", RunCompleted(result=raw("1")))], {"status": "cancelled", "completed_at_ms": 4 * SECOND}),
        (
            [(1, "a", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=4))],
            {"status": "pending", "completed_at_ms": None},
        ),
        (
            [
                (1, "a", failed()),
                (1, "", RunFailed(error=BOOM)),
                (1, "", RunRetried(failure_seq=4)),
                (1, "a", StepStarted(attempt=2)),
            ],
            {"status": "running", "attempt": 2},
        ),
    ],
)
def test_a_step_through_its_life(lines: list[tuple[int, str, AnyFact]], standing: dict[str, Any]) -> None:
    [found] = steps_of(log((0, "a", step(input='{"n":1}')), *lines))
    assert (found.name, found.input, found.created_at_ms) == ("app:charge", raw('{"n":1}'), 3 * SECOND)
    assert {name: getattr(found, name) for name in standing} == standing


def test_a_step_that_is_at_most_once_has_not_begun_before_its_start() -> None:
    called = (0, "a", step(at_most_once=True))
    [found] = steps_of(log(called))
    assert (found.status, found.attempt, found.started_at_ms) == ("pending", 0, None)
    [found] = steps_of(log(called, (0, "a", StepStarted(attempt=1))))
    assert (found.status, found.attempt, found.started_at_ms) == ("running", 1, 4 * SECOND)
    [found] = steps_of(log(called, (1, "", RunCancelled())))
    assert (found.status, found.started_at_ms) == ("cancelled", None)


def test_of_a_blocked_run_no_step_runs() -> None:
    blocked = (1, "", RunBlocked(sentence="it kills its workers"))
    died = (0, "a", step()), (0, "a", StepStarted(attempt=2))
    [found] = steps_of(log(*died, blocked))
    assert (found.status, found.attempt, found.started_at_ms) == ("pending", 2, 3 * SECOND)
    [found] = steps_of(log(*died, blocked, (1, "", RunUnblocked()), (1, "a", StepStarted(attempt=3))))
    assert (found.status, found.attempt) == ("running", 3)
    [retrying, completed] = steps_of(
        log((0, "a", step()), (0, "a", RETRYING), (0, "b", step()), (1, "b", done()), blocked)
    )
    assert (retrying.status, completed.status) == ("retrying", "completed")


QUEUED = StepQueued(queue="gpu", run_id=RunId("wrun_child"), attempt=1, max_recoveries=5)


def test_a_step_in_a_queue() -> None:
    lines = (0, "a", step()), (0, "a", QUEUED)
    [found] = steps_of(log(*lines))
    assert (found.status, found.attempt, found.queued, found.started_at_ms) == ("pending", 0, QUEUED, None)
    [found] = steps_of(log(*lines, (1, "a", done("7", attempt=3))))
    assert (found.status, found.attempt, found.output, found.started_at_ms) == ("completed", 3, raw("7"), 5 * SECOND)
    [found] = steps_of(log((0, "a", step()), (0, "a", replace(QUEUED, attempt=2))))
    assert (found.status, found.attempt, found.started_at_ms) == ("pending", 1, 3 * SECOND), "it had begun here"
    [found] = steps_of(log(*lines, (1, "", RequestsReleased(keys=("a",))), (1, "a", done("7", attempt=3))))
    assert (found.status, found.output) == ("cancelled", None), "too late"
    retried = (1, "a", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=5))
    [found] = steps_of(log(*lines, *retried))
    assert (found.status, found.queued) == ("pending", None)


def test_a_queued_steps_own_log() -> None:
    there = QueuedStep(name="app:charge", attempt=3, failures=1, first_at_ms=1, max_recoveries=5)
    first, *rest = log((0, "a", step()))
    [found] = steps_of([replace(first, fact=RunCreated(workflow="w", input=raw("{}"), step=there)), *rest])
    assert (found.status, found.attempt) == ("running", 3)


def test_what_a_run_waits_for_in_queues() -> None:
    events = log((0, "a", step()), (0, "a", QUEUED), (0, "b", step("app:b")), (0, "t", sleep(9, timeout=True)))
    assert queued_names(events) == {"queue:gpu/app:charge"}
    first, _ = reasons_of(events)
    assert first == Reason(
        kind="step",
        key="a",
        since_ms=3 * SECOND,
        until_ms=9,
        detail="app:charge in queue gpu, run wrun_child",
        workflow="queue:gpu/app:charge",
    )


def test_steps_are_in_the_order_of_their_calls() -> None:
    found = steps_of(log((0, "b", step("app:b")), (0, "a", step("app:a")), (1, "a", done())))
    assert [(each.name, each.status) for each in found] == [("app:b", "running"), ("app:a", "completed")]


@pytest.mark.parametrize(
    ("lines", "status", "completed_at_ms"),
    [
        ([], "waiting", None),
        ([(1, "s", WaitCompleted(due_ms=5))], "completed", 4 * SECOND),
        ([(1, "s", WaitCompleted(due_ms=5, woken=True))], "woken", 4 * SECOND),
        ([(1, "", RequestsReleased(keys=("s",)))], "cancelled", 4 * SECOND),
        ([(1, "", RunCancelled())], "cancelled", 4 * SECOND),
        ([(1, "s", WaitCompleted(due_ms=5)), (2, "", RunCancelled())], "completed", 4 * SECOND),
    ],
)
def test_a_wait_through_its_life(
    lines: list[tuple[int, str, AnyFact]], status: str, completed_at_ms: int | None
) -> None:
    [found] = waits_of(log((0, "s", sleep(5)), *lines))
    assert (found.key, found.timeout, found.due_ms, found.created_at_ms) == ("s", False, 5, 3 * SECOND)
    assert (found.status, found.completed_at_ms) == (status, completed_at_ms)


def test_a_timeout_is_a_wait_too() -> None:
    [found] = waits_of(log((0, "t", sleep(5, timeout=True))))
    assert found.timeout


def test_a_run_that_waits_for_nothing() -> None:
    assert reasons_of(log((0, "a", step()), (1, "a", done()))) == []


def test_each_kind_of_reason_in_words() -> None:
    found = reasons_of(
        log((0, "a", step()), (0, "s", sleep(7)), (0, "c", CHILD), (0, "r", step("app:pay")), (0, "r", RETRYING))
    )
    assert found == [
        Reason(kind="sleep", key="s", since_ms=4 * SECOND, until_ms=7, detail="a sleep"),
        Reason(
            kind="retry",
            key="r",
            since_ms=6 * SECOND,
            until_ms=99 * SECOND,
            detail="the next attempt of app:pay, after attempt 1 failed with ValueError: boom",
        ),
        Reason(kind="step", key="a", since_ms=3 * SECOND, until_ms=None, detail="app:charge, attempt 1"),
        Reason(kind="child", key="c", since_ms=5 * SECOND, until_ms=None, detail="app:pay wrun_child"),
    ]


def test_a_timeout_bounds_what_is_in_it_and_is_no_reason_of_its_own() -> None:
    found = reasons_of(log((0, "t", sleep(9, timeout=True)), (0, "a", step()), (0, "c", CHILD)))
    assert [(each.kind, each.until_ms) for each in found] == [("step", 9), ("child", 9)]


def test_a_step_that_is_tried_again_is_no_retry_any_more() -> None:
    [found] = reasons_of(log((0, "a", step()), (0, "a", RETRYING), (0, "a", StepStarted(attempt=2))))
    assert (found.kind, found.detail) == ("step", "app:charge, attempt 2")
