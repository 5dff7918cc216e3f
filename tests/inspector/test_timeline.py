"""Spans of a run: each kind, in the order in which they began."""

from perdure.inspector.timeline import timeline_of
from perdure.model.event import ChildCreated, HookCreated, HookReceived, StepRetrying, StepStarted, WaitCompleted
from perdure.model.ids import RunId
from tests.core.logs import BOOM, SECOND, done, log, raw, sleep, step

HOOK = HookCreated(token="approval:7", expires_ms=90 * SECOND)


def test_a_run_of_every_kind() -> None:
    spans = timeline_of(
        log(
            (0, "t", sleep(timeout=True)),
            (0, "s", step()),
            (0, "h", HOOK),
            (1, "s", done()),
            (1, "w", sleep(8 * SECOND)),
            (1, "c", ChildCreated(run_id=RunId("wrun_child"), workflow="app:pay", input=raw("{}"))),
            (2, "h", HookReceived(payload=raw("1"))),
            (3, "w", WaitCompleted(due_ms=8 * SECOND)),
        )
    )
    assert [(span.kind, span.name, span.status) for span in spans] == [
        ("timeout", "timeout", "waiting"),
        ("step", "app:charge", "completed"),
        ("hook", "hook approval:7", "waiting"),
        ("sleep", "sleep", "completed"),
        ("child", "app:pay", "running"),
    ]
    timeout, charge, hook, nap, child = spans
    assert (timeout.began_at_ms, timeout.ended_at_ms, timeout.due_at_ms) == (3 * SECOND, None, 60 * SECOND)
    assert (charge.began_at_ms, charge.ended_at_ms) == (4 * SECOND, 6 * SECOND)
    assert (hook.due_at_ms, hook.marks) == (90 * SECOND, (9 * SECOND,))
    assert (nap.ended_at_ms, nap.due_at_ms) == (10 * SECOND, 8 * SECOND)
    assert child.run_id == "wrun_child"


def test_a_step_carries_its_attempts_and_its_next() -> None:
    retrying = StepRetrying(attempt=2, error=BOOM, retry_at_ms=99 * SECOND)
    lines = ((0, "s", StepRetrying(attempt=1, error=BOOM, retry_at_ms=4 * SECOND)), (0, "s", StepStarted(attempt=2)))
    [span] = timeline_of(log((0, "s", step()), *lines, (0, "s", retrying)))
    assert [(attempt.number, attempt.status) for attempt in span.attempts] == [(1, "failed"), (2, "failed")]
    assert (span.status, span.due_at_ms) == ("retrying", 99 * SECOND)


def test_a_run_that_has_done_nothing() -> None:
    assert timeline_of(log()) == []
