"""Which hooks of a run are open, from its events; also after a retry in place."""

import pytest

from perdure.core.pending import OpenHook, Pending
from perdure.core.retried import taken_back
from perdure.core.standing import reasons_of
from perdure.model.event import (
    AnyFact,
    HookDisposed,
    HookExpired,
    RequestsReleased,
    RunBlocked,
    RunFailed,
    RunRetried,
    RunUnblocked,
)
from tests.core.hooks import TERMS, got, hook, taken
from tests.core.logs import BOOM, SECOND, done, failed, log, sleep, step

Line = tuple[int, str, AnyFact]
FAILED: list[Line] = [
    (0, "h", hook("a")),
    (0, "i", hook("b")),
    (0, "i", HookDisposed()),
    (0, "a", step()),
    (1, "a", failed()),
    (1, "h", HookDisposed()),
    (1, "", RunFailed(error=BOOM)),
]


def pending(*lines: Line) -> Pending:
    return Pending(log(*lines))


def test_a_new_hook_is_open() -> None:
    assert pending((0, "h", hook())).hooks == {"h": OpenHook(hook(), 3 * SECOND)}


def test_payloads_are_counted_rejected_ones_are_not() -> None:
    made = pending((0, "h", hook()), (1, "h", got("1")), (2, "h", got("x", "payload: no int")), (3, "h", got("2")))
    assert made.hooks["h"] == OpenHook(hook(), 3 * SECOND, 2)


@pytest.mark.parametrize("end", [HookDisposed(), HookExpired(due_ms=1)])
def test_a_hook_that_is_over_is_not_open(end: AnyFact) -> None:
    made = pending((0, "h", hook()), (0, "i", hook("b")), (1, "h", end))
    assert [*made.hooks] == ["i"]


def test_a_hook_whose_token_was_taken_never_is() -> None:
    assert pending((0, "h", taken())).hooks == {}


def test_a_late_payload_opens_nothing() -> None:
    assert pending((0, "h", hook()), (1, "h", HookDisposed()), (2, "h", got())).hooks == {}


def test_releases_and_parking_leave_hooks_alone() -> None:
    made = pending((0, "h", hook()), (1, "", RequestsReleased(keys=("h",))), (1, "", RunBlocked(sentence="no")))
    assert [*made.hooks] == ["h"]
    made.forget("h")
    assert [*made.hooks] == ["h"]
    assert not made.knows("h"), "only steps and waits are released"


def test_the_end_of_a_hook_is_due_like_a_wait() -> None:
    assert pending((0, "h", hook())).next_ms() is None
    assert pending((0, "h", hook(expires_ms=9 * SECOND)), (0, "s", sleep(12 * SECOND))).next_ms() == 9 * SECOND
    assert pending((0, "h", hook(expires_ms=9 * SECOND)), (0, "s", sleep(5 * SECOND))).next_ms() == 5 * SECOND
    assert pending((0, "h", hook(expires_ms=9)), (0, "h", HookDisposed())).next_ms() is None


# -- retried in place


def test_a_failed_run_has_only_the_hooks_that_it_kept() -> None:
    assert pending(*FAILED).hooks == {}


def test_a_hook_that_was_disposed_after_the_failure_is_open_again() -> None:
    made = pending(*FAILED, (1, "", RunRetried(failure_seq=7)))
    assert made.hooks == {"h": OpenHook(hook("a"), 3 * SECOND)}, "the other was disposed before"
    assert [*made.steps] == ["a"]


def test_what_is_taken_back() -> None:
    assert taken_back(log(*FAILED, (1, "", RunRetried(failure_seq=7)))) == {7, 8, 9}


def test_a_hook_that_expired_after_the_failure_stays_so() -> None:
    """Time is not taken back."""
    lines: list[Line] = [
        (0, "h", hook(expires_ms=4)),
        (0, "a", step()),
        (1, "a", failed()),
        (1, "h", HookExpired(due_ms=4)),
        (1, "", RunFailed(error=BOOM)),
        (1, "", RunRetried(failure_seq=5)),
    ]
    assert pending(*lines).hooks == {}


def test_a_hook_that_the_retried_run_disposes_is_not_open() -> None:
    made = pending(*FAILED, (1, "", RunRetried(failure_seq=7)), (2, "a", done()), (2, "h", HookDisposed()))
    assert made.hooks == {}


def test_two_retries_open_it_twice() -> None:
    again: list[Line] = [
        (1, "", RunRetried(failure_seq=7)),
        (2, "a", failed(2)),
        (2, "h", HookDisposed()),
        (2, "", RunFailed(error=BOOM)),
    ]
    assert pending(*FAILED, *again).hooks == {}
    assert [*pending(*FAILED, *again, (2, "", RunRetried(failure_seq=11))).hooks] == ["h"]


def test_payloads_of_before_the_failure_stay_counted() -> None:
    first, *rest = FAILED
    made = pending(first, (0, "h", got()), *rest, (1, "", RunRetried(failure_seq=8)))
    assert made.hooks["h"].received == 1


# -- what the run says that it waits for


@pytest.mark.parametrize(
    ("made", "detail"),
    [
        (hook("approval:1"), "a payload for hook approval:1"),
        (hook("tKIVDfSw5qSGRlIE", random=True), "a payload for hook tKIVDfSw…"),
        (hook("tKIVDfSw5qSGRlIE", random=True, webhook=TERMS), "a payload for webhook tKIVDfSw…"),
    ],
)
def test_a_hook_is_a_reason_to_wait(made: AnyFact, detail: str) -> None:
    [reason] = reasons_of(log((0, "h", made)))
    assert (reason.kind, reason.key, reason.since_ms, reason.until_ms, reason.detail) == (
        "hook",
        "h",
        3 * SECOND,
        None,
        detail,
    )


def test_a_hook_comes_before_the_sleep_that_it_races() -> None:
    reasons = reasons_of(log((0, "s", sleep(50 * SECOND)), (0, "h", hook())))
    assert [(reason.kind, reason.until_ms) for reason in reasons] == [("hook", None), ("sleep", 50 * SECOND)]


@pytest.mark.parametrize(
    ("expires_ms", "limit_ms", "until_ms"),
    [(None, 9 * SECOND, 9 * SECOND), (5 * SECOND, 9 * SECOND, 5 * SECOND), (9 * SECOND, 5 * SECOND, 5 * SECOND)],
)
def test_it_waits_until_it_expires_or_a_timeout_ends_it(expires_ms: int | None, limit_ms: int, until_ms: int) -> None:
    events = log((0, "h", hook(expires_ms=expires_ms)), (0, "t", sleep(limit_ms, timeout=True)))
    [reason] = [reason for reason in reasons_of(events) if reason.kind == "hook"]
    assert reason.until_ms == until_ms


def test_a_blocked_runs_hooks_wait_on() -> None:
    made = pending((0, "h", hook()), (0, "", RunBlocked(sentence="no")), (0, "", RunUnblocked()))
    assert [*made.hooks] == ["h"]


def test_what_was_wrong_with_the_last_payload_is_said() -> None:
    """The sender saw it accepted: whoever looks at the run is the first who can know."""
    lost = [(1, "h", got(rejected="it has no field 'approved'")), (2, "h", got())]
    told = [reasons_of(log((0, "h", hook()), *lost[:count]))[0].detail for count in (1, 2)]
    assert told == [
        "a payload for hook approval:1 that fits (the last one was refused: it has no field 'approved')",
        "a payload for hook approval:1",
    ]
