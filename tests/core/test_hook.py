"""Where hooks stand, from their events; and how they are shown to people who may not resume them."""

import pytest

from perdure.core.hook import HookStanding, hooks_of, shown
from perdure.model.event import (
    AnyFact,
    HookDisposed,
    HookExpired,
    RunBlocked,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunRetried,
    RunUnblocked,
    StepFailed,
)
from tests.core.hooks import OTHER, TERMS, got, hook, taken
from tests.core.logs import BOOM, SECOND, failed, log, raw, step

ENDS: list[AnyFact] = [RunCompleted(result=raw("1")), RunFailed(error=BOOM), RunCancelled()]


def standing(*lines: tuple[int, str, AnyFact]) -> HookStanding:
    [found] = hooks_of(log(*lines))
    return found


def told(found: HookStanding) -> tuple[str, int | None]:
    return found.status, found.closed_at_ms


def test_a_run_without_hooks_has_none() -> None:
    assert hooks_of(log((0, "a", step()))) == []


def test_a_new_hook_waits() -> None:
    assert standing((0, "h", hook())) == HookStanding(key="h", hook=hook(), created_at_ms=3 * SECOND)


def test_what_came_is_counted_rejected_payloads_apart() -> None:
    found = standing((0, "h", hook()), (1, "h", got("1")), (2, "h", got("2")), (3, "h", got("x", "payload: no int")))
    assert (found.received, found.rejected, found.status) == (2, 1, "waiting")


def test_a_disposed_hook_was_closed_then() -> None:
    assert told(standing((0, "h", hook()), (1, "h", HookDisposed()))) == ("disposed", 4 * SECOND)


def test_an_expired_hook_was_closed_then() -> None:
    found = standing((0, "h", hook(expires_ms=4)), (1, "h", HookExpired(due_ms=4)))
    assert told(found) == ("expired", 4 * SECOND)


@pytest.mark.parametrize("end", ENDS)
def test_the_end_of_the_run_closes_what_waits(end: AnyFact) -> None:
    waiting, disposed = hooks_of(
        log((0, "h", hook("a")), (0, "i", hook("b")), (1, "i", HookDisposed()), (2, "", end)),
    )
    assert told(waiting) == ("ended", 6 * SECOND)
    assert told(disposed) == ("disposed", 5 * SECOND), "it was closed before"


def test_a_blocked_run_keeps_its_hooks() -> None:
    assert told(standing((0, "h", hook()), (0, "", RunBlocked(sentence="no")), (0, "", RunUnblocked()))) == (
        "waiting",
        None,
    )


def test_mail_for_a_hook_that_is_over_is_not_counted() -> None:
    """It is recorded before the run's end, and does nothing."""
    assert standing((0, "h", hook()), (1, "h", HookDisposed()), (2, "h", got())).received == 0


def test_a_taken_token_leaves_a_hook_that_never_was_open() -> None:
    found = standing((0, "h", taken()), (1, "h", HookDisposed()), (2, "", RunCompleted(result=raw("1"))))
    assert (told(found), found.owner, found.hook) == (("conflict", 3 * SECOND), OTHER, hook())


def test_hooks_come_in_the_order_of_their_creation() -> None:
    events = log((0, "0/hook#0", hook("z")), (1, "0/hook#1", taken("y")), (2, "0.1/hook#0", hook("x")))
    assert [found.hook.token for found in hooks_of(events)] == ["z", "y", "x"]


def test_a_hook_disposed_because_of_a_failure_that_was_retried_waits() -> None:
    """S6: the dispose and the end followed the failure, and are taken back with it."""
    lines: list[tuple[int, str, AnyFact]] = [
        (0, "h", hook()),
        (0, "a", step()),
        (1, "a", failed()),
        (1, "h", HookDisposed()),
        (1, "", RunFailed(error=BOOM)),
    ]
    assert told(standing(*lines)) == ("disposed", 6 * SECOND)
    assert told(standing(*lines, (1, "", RunRetried(failure_seq=5)))) == ("waiting", None)


def test_a_hook_disposed_before_the_failure_stays_so() -> None:
    found = standing(
        (0, "h", hook()),
        (0, "h", HookDisposed()),
        (0, "a", step()),
        (1, "a", StepFailed(attempt=1, error=BOOM)),
        (1, "", RunFailed(error=BOOM)),
        (1, "", RunRetried(failure_seq=6)),
    )
    assert told(found) == ("disposed", 4 * SECOND)


@pytest.mark.parametrize(
    ("created", "text"),
    [
        (hook("approval:1"), "hook approval:1"),
        (hook("tKIVDfSw5qSGRlIEtICo", random=True), "hook tKIVDfSw…"),
        (hook("github", webhook=TERMS), "webhook github"),
        (hook("tKIVDfSw5qSGRlIEtICo", random=True, webhook=TERMS), "webhook tKIVDfSw…"),
    ],
)
def test_a_random_token_is_masked(created: object, text: str) -> None:
    assert shown(created) == text  # type: ignore[arg-type]
