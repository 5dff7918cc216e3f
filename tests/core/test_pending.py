"""What a run waits for, from its events: open steps with their attempts, waits, children, a cancel's deadline."""

import pytest

from perdure.core.pending import OpenStep, Pending
from perdure.model.event import (
    AnyFact,
    CancelRequested,
    ChildCancelled,
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    QueuedStep,
    RequestsReleased,
    RunCreated,
    RunFailed,
    RunRetried,
    StepHeartbeat,
    StepQueued,
    StepRetrying,
    StepStarted,
    StepStopped,
    WaitCompleted,
)
from perdure.model.ids import RunId
from tests.core.logs import BOOM, SECOND, done, failed, log, raw, sleep, step

CHILD = ChildCreated(run_id=RunId("wrun_child"), workflow="app:pay", input=raw("{}"))


def pending(*lines: tuple[int, str, AnyFact]) -> Pending:
    return Pending(log(*lines))


def open_step(*lines: tuple[int, str, AnyFact]) -> OpenStep:
    return pending(*lines).steps["a"]


# -- steps


def test_a_new_step_has_begun_its_first_attempt() -> None:
    made = open_step((0, "a", step()))
    assert (made.name, made.attempts, made.failures, made.first_at_ms) == ("app:charge", 1, 0, 3 * SECOND)
    assert made.interruptible
    assert not made.fresh


def test_a_new_step_that_is_at_most_once_has_not_begun() -> None:
    made = open_step((0, "a", step(at_most_once=True)))
    assert (made.attempts, made.interruptible) == (0, False)


def test_an_at_most_once_step_that_has_begun() -> None:
    made = open_step((0, "a", step(at_most_once=True)), (0, "a", StepStarted(attempt=1)))
    assert (made.attempts, made.interruptible) == (1, True)


@pytest.mark.parametrize("end", [done(), failed()])
def test_a_step_with_an_outcome_is_no_longer_open(end: AnyFact) -> None:
    made = pending((0, "a", step()), (1, "a", end))
    assert made.steps == {}
    assert not made.knows("a")


def test_a_failure_takes_of_the_budget_an_interruption_doesnt() -> None:
    made = open_step(
        (0, "a", step()),
        (0, "a", StepStarted(attempt=2)),  # attempt 1 was cut off
        (0, "a", StepRetrying(attempt=2, error=BOOM, retry_at_ms=99)),
    )
    assert (made.attempts, made.failures, made.retry_at_ms, made.error) == (2, 1, 99, BOOM)
    assert not made.interruptible


def test_the_next_attempt_is_open_again() -> None:
    made = open_step(
        (0, "a", step()),
        (0, "a", StepRetrying(attempt=1, error=BOOM, retry_at_ms=99)),
        (0, "a", StepStarted(attempt=2)),
    )
    assert (made.attempts, made.failures, made.interruptible) == (2, 1, True)


def test_progress_is_kept_for_the_next_attempt() -> None:
    made = open_step(
        (0, "a", step()),
        (0, "a", StepHeartbeat(attempt=1, progress=raw("10"))),
        (0, "a", StepHeartbeat(attempt=1, progress=raw("20"))),
        (0, "a", StepRetrying(attempt=1, error=BOOM, retry_at_ms=99)),
    )
    assert made.progress == raw("20")


def test_what_is_said_of_a_step_that_is_over_is_ignored() -> None:
    made = pending((0, "a", step()), (1, "a", done()), (1, "a", StepHeartbeat(attempt=1, progress=raw("1"))))
    assert made.steps == {}


def test_the_last_step_that_was_begun_is_remembered() -> None:
    made = pending((0, "a", step("app:a")), (0, "b", step("app:b")), (0, "a", StepStarted(attempt=2)))
    assert made.last_step is made.steps["a"]


def test_a_retried_run_has_its_failed_step_again_with_a_fresh_budget() -> None:
    made = open_step(
        (0, "a", step()),
        (0, "a", StepRetrying(attempt=1, error=BOOM, retry_at_ms=99)),
        (1, "a", failed(attempt=2)),
        (1, "", RunFailed(error=BOOM)),
        (1, "", RunRetried(failure_seq=5)),
    )
    assert (made.failures, made.retry_at_ms, made.interruptible) == (0, 0, False)


def test_a_retried_run_doesnt_repeat_an_at_most_once_step_that_its_failure_cut_off() -> None:
    made = pending(
        (0, "a", step(at_most_once=True)),
        (0, "b", step(at_most_once=True)),
        (0, "a", StepStarted(attempt=1)),
        (0, "b", StepStarted(attempt=1)),
        (1, "a", failed()),
        (1, "", RunFailed(error=BOOM)),
        (1, "", RunRetried(failure_seq=7)),
    )
    assert not made.steps["a"].interruptible, "its failure was told"
    assert made.steps["b"].interruptible, "its outcome is unknown"


# -- waits, children, releases


def test_waits_are_open_until_they_end() -> None:
    made = pending((0, "s", sleep(50)), (0, "t", sleep(70, timeout=True)), (1, "s", WaitCompleted(due_ms=50)))
    assert [*made.waits] == ["t"]
    assert (made.waits["t"].due_ms, made.waits["t"].timeout, made.waits["t"].since_ms) == (70, True, 4 * SECOND)
    assert made.knows("t")


@pytest.mark.parametrize(
    "end",
    [
        ChildCompleted(run_id=CHILD.run_id, result=raw("1")),
        ChildFailed(run_id=CHILD.run_id, error=BOOM),
        ChildCancelled(run_id=CHILD.run_id),
    ],
)
def test_children_are_open_until_they_end(end: AnyFact) -> None:
    assert [child.run_id for child in pending((0, "c", CHILD)).children.values()] == [CHILD.run_id]
    assert pending((0, "c", CHILD), (1, "c", end)).children == {}


def test_released_steps_and_waits_are_forgotten_children_are_not() -> None:
    made = pending(
        (0, "a", step()), (0, "s", sleep()), (0, "c", CHILD), (1, "", RequestsReleased(keys=("a", "s", "c")))
    )
    assert (made.steps, made.waits, [*made.children]) == ({}, {}, ["c"])


# -- when something is due


def test_nothing_is_due_by_itself() -> None:
    assert pending((0, "c", CHILD)).next_ms() is None


def test_what_is_due_first() -> None:
    made = pending(
        (0, "s", sleep(70)),
        (0, "t", sleep(60, timeout=True)),
        (0, "a", step()),
        (0, "a", StepRetrying(attempt=1, error=BOOM, retry_at_ms=50)),
    )
    assert made.next_ms() == 50


def test_a_step_that_is_to_go_on_is_due_at_once() -> None:
    assert pending((0, "a", step()), (0, "s", sleep(70))).next_ms() == 0


def test_the_end_of_a_grace_is_due() -> None:
    assert pending((0, "s", sleep(70)), (1, "", CancelRequested(force_at_ms=40))).next_ms() == 40


# -- cancel


def test_the_first_cancel_gives_the_reason() -> None:
    made = pending((1, "", CancelRequested(reason="first")), (2, "", CancelRequested(reason="second")))
    assert (made.cancelled, made.cancel_reason, made.force_at_ms) == (True, "first", None)


@pytest.mark.parametrize(
    ("first", "second", "force_at_ms"), [(None, 90, 90), (90, None, 90), (90, 50, 50), (50, 90, 50), (None, None, None)]
)
def test_a_second_cancel_may_only_shorten_the_grace(
    first: int | None, second: int | None, force_at_ms: int | None
) -> None:
    made = pending((1, "", CancelRequested(force_at_ms=first)), (2, "", CancelRequested(force_at_ms=second)))
    assert made.force_at_ms == force_at_ms


class TestQueues:
    SENT = StepQueued(queue="gpu", run_id=RunId("wrun_2"), attempt=1, max_recoveries=5)
    LINES = (0, "a", step()), (0, "a", SENT)

    def test_a_step_that_has_gone(self) -> None:
        made = pending(*self.LINES)
        assert (made.steps["a"].queued, made.queued_runs()) == (self.SENT, ["wrun_2"])
        assert (made.queued_runs(["a"]), made.queued_runs(["b"])) == (["wrun_2"], [])
        assert made.next_ms() is None, "nothing is due here"

    def test_its_outcome(self) -> None:
        assert pending(*self.LINES, (1, "a", done(attempt=4))).steps == {}

    def test_its_last_word(self) -> None:
        one = pending(*self.LINES, (1, "a", StepStopped(attempt=4, interrupted=True))).steps["a"]
        assert (one.queued, one.attempts, one.next_attempt, one.interruptible) == (None, 4, 5, True)
        one = pending(*self.LINES, (1, "a", StepStopped(attempt=0))).steps["a"]
        assert (one.next_attempt, one.interruptible) == (2, False), "each sending has a number of its own"

    def test_a_retry_of_its_run_after_its_failure(self) -> None:
        lines = (1, "a", failed(attempt=4)), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=5))
        one = pending(*self.LINES, *lines).steps["a"]
        assert (one.queued, one.next_attempt, one.interruptible, one.cut_off) == (None, 5, False, False)

    def test_a_retry_of_its_run_after_its_neighbours_failure(self) -> None:
        """It has been told to stop, and has not had its last word."""
        lines = (0, "b", step()), (1, "b", failed()), (1, "", RequestsReleased(keys=("a",)))
        more = (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=6))
        one = pending(*self.LINES, *lines, *more).steps["a"]
        assert (one.queued, one.cut_off) == (self.SENT, True)
        again = pending(*self.LINES, *lines, *more, (1, "a", StepStopped(attempt=2)), (1, "a", self.SENT)).steps["a"]
        assert (again.queued, again.cut_off) == (self.SENT, False)

    def test_a_step_that_began_elsewhere(self) -> None:
        there = QueuedStep(name="app:charge", attempt=3, failures=1, first_at_ms=7, progress=raw("5"), max_recoveries=5)
        made = Pending()
        made.see("", RunCreated(workflow="w", input=raw("{}"), step=there), 8)
        made.see("a", step(), 9)
        one = made.steps["a"]
        assert (one.attempts, one.failures, one.first_at_ms, one.progress) == (3, 1, 7, raw("5"))
        made.see("a", step(at_most_once=True), 9)
        assert (made.steps["a"].attempts, made.steps["a"].next_attempt) == (2, 3)
