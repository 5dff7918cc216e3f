"""A log as replay has it: requests by key, deliveries by turn, patch marks; all else is not replayed."""

from perdure.core.history import History
from perdure.model.event import (
    AttributesSet,
    CancelRequested,
    PatchMarked,
    RequestsReleased,
    RunFailed,
    RunResumed,
    RunRetried,
    StepHeartbeat,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WakeRequested,
)
from tests.core.logs import BOOM, SECOND, done, failed, log, raw, sleep, step


def test_an_empty_log_has_nothing() -> None:
    history = History()
    assert history.request("0/sleep#0") is None
    assert (history.last_turn, history.next_turn, history.turns()) == (0, 1, [])


def test_a_run_that_has_just_begun_knows_when() -> None:
    history = History(log())
    assert history.at_ms(0) == 2 * SECOND
    assert (history.last_turn, history.next_turn) == (0, 1)


def test_requests_by_key_and_turn_in_log_order() -> None:
    history = History(log((0, "a", step()), (0, "b", sleep()), (1, "a", done()), (1, "c", step("app:notify"))))
    assert history.request("a") == (0, step())
    assert history.request("c") == (1, step("app:notify"))
    assert [*history.answer_keys(0)] == ["a", "b"]
    assert [*history.answer_keys(1)] == ["c"]
    assert [*history.answer_keys(2)] == []


def test_deliveries_by_turn_in_log_order() -> None:
    events = log(
        (0, "a", step()),
        (0, "b", sleep()),
        (1, "b", WaitCompleted(due_ms=1)),
        (1, "a", done()),
        (2, "", CancelRequested()),
    )
    history = History(events)
    assert history.deliveries(1) == events[4:6]
    assert history.deliveries(2) == events[6:]
    assert history.deliveries(3) == []
    assert (history.at_ms(1), history.at_ms(2), history.at_ms(3)) == (5 * SECOND, 7 * SECOND, None)
    assert history.turns() == [1, 2]


def test_only_requests_and_deliveries_make_turns() -> None:
    history = History(
        log(
            (0, "a", step()),
            (3, "a", StepStarted(attempt=2)),
            (3, "a", StepRetrying(attempt=2, error=BOOM, retry_at_ms=9)),
            (3, "a", StepHeartbeat(attempt=2, progress=raw("1"))),
            (3, "a", AttributesSet(changes={"by": "step"}, by_step=True)),
            (3, "", RunResumed()),
            (3, "", WakeRequested()),
            (3, "", RequestsReleased(keys=("a",))),
        )
    )
    assert (history.last_turn, history.turns()) == (0, [])
    assert history.next_turn == 4
    assert [*history.answer_keys(3)] == []


def test_attributes_of_the_body_are_a_request() -> None:
    history = History(log((0, "attr", AttributesSet(changes={"phase": "paid"}))))
    assert history.request("attr") == (0, AttributesSet(changes={"phase": "paid"}))


def test_a_patch_mark_keeps_its_first_answer() -> None:
    history = History(
        log((0, "", PatchMarked(name="fraud", answer=True)), (1, "", PatchMarked(name="fraud", answer=False)))
    )
    assert history.patches == {"fraud": True}


def test_the_first_request_after_a_turn() -> None:
    history = History(log((0, "a", step()), (1, "a", done()), (2, "b", sleep()), (4, "c", step("app:late"))))
    assert history.first_request_after(0) == sleep()
    assert history.first_request_after(2) == step("app:late")
    assert history.first_request_after(4) is None


def test_a_retried_failure_is_skipped_by_replay() -> None:
    events = log(
        (0, "a", step()), (1, "a", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=4))
    )
    history = History(events)
    assert history.deliveries(1) == []
    assert (history.last_turn, history.next_turn) == (0, 2)
