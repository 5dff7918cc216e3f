"""What the World decided on a run's hooks, as replay has it (T5)."""

from perdure.core.history import Decision, History
from perdure.model.event import (
    AnyFact,
    HookDisposed,
    HookExpired,
    RequestsReleased,
    RunFailed,
    RunRetried,
    StreamWritten,
)
from tests.core.hooks import OTHER, got, hook, taken
from tests.core.logs import BOOM, SECOND, done, failed, log, raw, sleep, step


def history(*lines: tuple[int, str, AnyFact]) -> History:
    return History(log(*lines))


def test_a_log_without_hooks_has_none() -> None:
    assert History().decisions() == []
    assert history((0, "a", step()), (1, "a", done())).decisions() == []


def test_a_registered_hook_is_a_decision() -> None:
    assert history((0, "h", hook())).decisions() == [Decision(0, "h", 3 * SECOND)]


def test_a_taken_token_is_one_with_its_owner() -> None:
    assert history((0, "h", taken())).decisions() == [Decision(0, "h", 3 * SECOND, OTHER)]


def test_they_come_in_log_order_each_with_its_turn_and_time() -> None:
    made = history((0, "h", hook("a")), (0, "s", sleep()), (0, "i", taken("b")), (1, "h", got()), (1, "j", hook("c")))
    assert made.decisions() == [
        Decision(0, "h", 3 * SECOND),
        Decision(0, "i", 5 * SECOND, OTHER),
        Decision(1, "j", 7 * SECOND),
    ]


def test_the_list_is_the_callers_own() -> None:
    made = history((0, "h", hook()))
    made.decisions().clear()
    assert len(made.decisions()) == 1


def test_a_conflict_is_a_request_of_its_turn() -> None:
    made = history((0, "a", step()), (1, "a", done()), (1, "h", taken()))
    assert made.request("h") == (1, hook())
    assert [*made.answer_keys(1)] == ["h"]
    assert (made.last_turn, made.turns()) == (1, [1])


def test_payloads_and_expiries_make_turns_a_dispose_makes_none() -> None:
    made = history(
        (0, "h", hook()),
        (1, "h", got()),
        (2, "h", HookExpired(due_ms=4)),
        (3, "h", HookDisposed()),
        (4, "", RequestsReleased(keys=())),
    )
    assert (made.last_turn, made.turns(), made.next_turn) == (2, [1, 2], 5)
    assert (made.at_ms(1), made.at_ms(2), made.at_ms(3)) == (4 * SECOND, 5 * SECOND, None)
    assert made.deliveries(3) == []


def test_a_rejected_payload_makes_its_turn_too() -> None:
    assert history((0, "h", hook()), (1, "h", got("x", "payload: no int"))).turns() == [1]


def test_a_retry_keeps_the_hooks_that_were_made_before() -> None:
    made = history(
        (0, "h", hook()),
        (0, "a", step()),
        (1, "a", failed()),
        (1, "h", HookDisposed()),
        (1, "", RunFailed(error=BOOM)),
        (1, "", RunRetried(failure_seq=5)),
    )
    assert made.decisions() == [Decision(0, "h", 3 * SECOND)]
    assert made.turns() == []


def test_writes_to_streams_decide_nothing() -> None:
    assert history((0, "w", StreamWritten(data=raw("1")))).decisions() == []
