"""The replay machine: a log in, calls, decisions out; for each request and delivery when it is new, recorded, pending."""

from typing import Any

import pytest

from perdure.core.divergence import Divergence
from perdure.core.history import History
from perdure.core.machine import Machine, Verdict
from perdure.model.event import (
    AnyFact,
    AttributesSet,
    CancelRequested,
    ChildCompleted,
    ChildCreated,
    Event,
    HookCreated,
    PatchMarked,
    Request,
    RunFailed,
    RunRetried,
    StepCreated,
    WaitCompleted,
    WaitCreated,
)
from perdure.model.ids import RunId
from tests.core.logs import BOOM, done, failed, log, raw, sleep, step

CHILD = ChildCreated(run_id=RunId("wrun_child"), workflow="app:pay", input=raw("{}"))
PAID = AttributesSet(changes={"phase": "paid"})

REQUESTS: list[tuple[Request, AnyFact | None]] = [
    (step(), done()),
    (sleep(), WaitCompleted(due_ms=60_000)),
    (sleep(timeout=True), WaitCompleted(due_ms=60_000)),
    (CHILD, ChildCompleted(run_id=RunId("wrun_child"), result=raw("1"))),
    (PAID, None),
]
"""Each kind of request, with what is delivered for it."""


def machine(*lines: tuple[int, str, AnyFact]) -> Machine:
    return Machine(History(log(*lines)))


def delivery(fact: AnyFact, key: str = "a", turn: int = 1) -> Event:
    return Event(seq=9, turn=turn, epoch=1, key=key, at_ms=9_000, fact=fact)


def diverged(found: Any) -> tuple[str, str, int]:
    assert isinstance(found, Divergence)
    return found.recorded, found.attempted, found.turn


# -- each request: new; recorded; recorded and pending


@pytest.mark.parametrize(("request_", "completion"), REQUESTS)
def test_a_new_request(request_: Request, completion: AnyFact | None) -> None:
    made = machine()
    assert made.request("a", request_) is Verdict.NEW
    assert made.rest() is None
    if completion is not None:
        made.open_turn(1)
        assert made.deliver(delivery(completion)) is Verdict.DELIVER
    assert made.finish() is None


@pytest.mark.parametrize(("request_", "completion"), REQUESTS)
def test_a_recorded_request(request_: Request, completion: AnyFact | None) -> None:
    ends: list[tuple[int, str, AnyFact]] = [] if completion is None else [(1, "a", completion)]
    made = machine((0, "a", request_), *ends)
    assert made.request("a", request_) is Verdict.RECORDED
    assert made.rest() is None
    if completion is not None:
        made.open_turn(1)
        assert made.deliver(delivery(completion)) is Verdict.DELIVER
    assert made.finish() is None


@pytest.mark.parametrize(("request_", "completion"), REQUESTS)
def test_a_request_recorded_and_pending(request_: Request, completion: AnyFact | None) -> None:
    made = machine((0, "a", request_))
    assert made.request("a", request_) is Verdict.RECORDED
    assert made.rest() is None
    assert not made.closed
    if completion is not None:  # it arrives, live, in a turn that the log doesn't have
        made.open_turn(1)
        assert made.deliver(delivery(completion)) is Verdict.DELIVER


# -- cancel requests


def test_a_new_cancel_is_delivered_without_a_request() -> None:
    made = machine((0, "a", step()))
    made.request("a", step())
    made.open_turn(1)
    assert made.deliver(delivery(CancelRequested(), key="")) is Verdict.DELIVER


def test_a_recorded_cancel_is_delivered_in_its_turn() -> None:
    made = machine((0, "a", step()), (1, "", CancelRequested()), (1, "b", step("app:refund")))
    made.request("a", step())
    assert made.rest() is None
    made.open_turn(1)
    assert made.deliver(delivery(CancelRequested(), key="")) is Verdict.DELIVER
    assert made.request("b", step("app:refund")) is Verdict.RECORDED


def test_a_cancel_whose_compensation_is_pending() -> None:
    made = machine((0, "a", step()), (1, "", CancelRequested()))
    made.request("a", step())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(CancelRequested(), key=""))
    assert made.request("b", step("app:refund")) is Verdict.NEW


# -- releases


def test_a_new_request_that_was_released_gets_no_delivery() -> None:
    made = machine()
    made.request("a", step())
    made.release("a")
    made.open_turn(1)
    assert made.deliver(delivery(done())) is Verdict.RELEASED


def test_a_recorded_delivery_to_a_released_request_does_nothing() -> None:
    made = machine((0, "a", step()), (0, "b", sleep()), (1, "b", WaitCompleted(due_ms=1)), (2, "a", done()))
    made.request("a", step())
    made.request("b", sleep())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(WaitCompleted(due_ms=1), key="b"))
    made.release("a")
    made.open_turn(2)
    assert made.deliver(delivery(done(), turn=2)) is Verdict.RELEASED


def test_releasing_what_isnt_awaited_is_harmless() -> None:
    made = machine()
    made.release("a")
    assert made.request("a", step()) is Verdict.NEW


# -- patches


def test_a_new_patch_takes_the_new_path() -> None:
    made = machine()
    assert made.patched("fraud") == (True, True)
    assert made.patched("fraud") == (True, False)


@pytest.mark.parametrize("answer", [True, False])
def test_a_recorded_patch_keeps_its_answer(answer: bool) -> None:
    made = machine((0, "patch:fraud", PatchMarked(name="fraud", answer=answer)), (0, "a", step()), (1, "a", done()))
    assert made.patched("fraud") == (answer, False)


def test_a_patch_that_an_old_run_has_passed_keeps_the_old_path() -> None:
    made = machine((0, "a", step()), (1, "a", done()), (1, "b", step("app:notify")))
    assert made.patched("fraud") == (False, True)
    made.request("a", step())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(done()))
    assert made.patched("fraud") == (False, False), "the first answer holds for the whole run"


def test_a_patch_at_the_end_of_the_log_takes_the_new_path() -> None:
    made = machine((0, "a", step()), (1, "a", done()))
    made.request("a", step())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(done()))
    assert made.patched("fraud") == (True, True)


# -- divergence, each way


def test_another_name() -> None:
    made = machine((0, "0/step:app:charge#0", step("app:charge")))
    found = made.request("0/step:app:pay#0", step("app:pay"), lambda: "app.py:7")
    assert found == Divergence(recorded="step app:charge({})", attempted="step app:pay({})", turn=0, line="app.py:7")
    assert made.divergence == found
    assert made.closed


@pytest.mark.parametrize(
    ("recorded", "attempted", "sides"),
    [
        (step(input='{"n":1}'), step(input='{"n":2}'), ('step app:charge({"n":1})', 'step app:charge({"n":2})')),
        (sleep(1), sleep(2), ("sleep until 1 ms", "sleep until 2 ms")),
        (sleep(1), sleep(1, timeout=True), ("sleep until 1 ms", "timeout until 1 ms")),
        (
            CHILD,
            ChildCreated(run_id=CHILD.run_id, workflow="app:pay", input=raw('{"n":1}')),
            ("child run app:pay({})", 'child run app:pay({"n":1})'),
        ),
        (PAID, AttributesSet(changes={}), ("attributes {'phase': 'paid'}", "attributes {}")),
    ],
)
def test_the_same_key_with_another_request(recorded: Any, attempted: Any, sides: tuple[str, str]) -> None:
    found = machine((0, "a", recorded)).request("a", attempted)
    assert diverged(found) == (*sides, 0)


def test_an_option_of_a_step_may_change() -> None:
    assert machine((0, "a", step())).request("a", step(at_most_once=True)) is Verdict.RECORDED


def test_more_than_was_recorded_in_a_turn_that_was_answered() -> None:
    made = machine((0, "a", step()))
    assert made.request("a", step()) is Verdict.RECORDED
    assert diverged(made.request("b", sleep(5))) == ("nothing more in this turn", "sleep until 5 ms", 0)


def test_less_than_was_recorded_in_a_turn() -> None:
    made = machine((0, "a", step()), (0, "b", sleep(5)))
    made.request("a", step())
    assert diverged(made.rest()) == ("sleep until 5 ms", "nothing", 0)


def test_a_new_request_where_a_later_turn_was_recorded() -> None:
    made = machine((0, "a", step()), (1, "a", done()), (2, "", CancelRequested()))
    made.request("a", step())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(done()))
    assert diverged(made.request("b", step("app:added"))) == ("nothing more in this turn", "step app:added({})", 1)


def test_a_request_of_a_later_turn_in_place_of_what_this_one_has() -> None:
    """What was recorded here says more than where else the request was: a step was taken out."""
    made = machine((0, "a", step()), (1, "a", done()), (1, "b", sleep(5)))
    found = made.request("b", sleep(5))
    assert diverged(found) == ("step app:charge({})", "sleep until 5 ms", 0)


def test_a_request_of_a_later_turn_behind_all_that_this_one_has() -> None:
    made = machine((0, "a", step()), (1, "a", done()), (1, "b", sleep(5)))
    made.request("a", step())
    found = made.request("b", sleep(5))
    assert diverged(found) == ("sleep until 5 ms in turn 1", "sleep until 5 ms", 0)


def test_a_request_of_an_earlier_turn() -> None:
    made = machine((0, "a", step()), (1, "a", done()))
    made.request("a", step())
    made.rest()
    made.open_turn(1)
    made.deliver(delivery(done()))
    assert diverged(made.request("a", step())) == ("step app:charge({}) in turn 0", "step app:charge({})", 1)


def test_a_delivery_that_nobody_asked_for() -> None:
    made = machine((1, "a", done()))
    made.rest()
    made.open_turn(1)
    assert diverged(made.deliver(delivery(done()))) == ("step_completed for a", "no request with that key", 1)


def test_a_second_delivery_for_one_request() -> None:
    made = machine()
    made.request("a", step())
    made.open_turn(1)
    made.deliver(delivery(done()))
    assert diverged(made.deliver(delivery(failed()))) == ("step_failed for a", "no request with that key", 1)


def test_an_end_where_a_later_request_was_recorded() -> None:
    made = machine((0, "a", step()), (1, "a", done()), (1, "b", sleep(5)))
    made.request("a", step())
    assert diverged(made.finish()) == ("sleep until 5 ms", "the end of the workflow", 0)


def test_parameters_that_dont_fit_the_recorded_input() -> None:
    made = machine((0, "a", step()))
    assert diverged(made.misfit(raw('{"n":1}'), "it has no parameter 'n'")) == (
        'input {"n":1}',
        "it has no parameter 'n'",
        0,
    )


def test_where_values_are_secret_no_side_shows_one() -> None:
    for attempted in (step(input='{"card":"4242"}'), HookCreated(token="4242", metadata=raw('"4242"'))):
        made = Machine(
            History(log((0, "a", step(input='{"card":"1111"}')))), show=lambda value: f"{len(bytes(value))} bytes"
        )
        made.request("a", attempted)
        assert made.divergence is not None
        assert made.divergence.recorded == "step app:charge(15 bytes)"
        assert made.divergence.attempted in ("step app:charge(15 bytes)", "hook 4 bytes(6 bytes)")
    made = Machine(History(log((0, "a", step()))), show=lambda value: "a digest")
    assert diverged(made.misfit(raw('{"card":"4242"}'), "card: it is '4242'")) == (
        "input a digest",
        "parameters that don't fit it",
        0,
    )


# -- closing


def test_a_closed_machine_refuses_everything() -> None:
    made = machine((0, "a", step()))
    made.close()
    assert made.request("a", step()) is Verdict.CLOSED
    assert made.request("b", sleep()) is Verdict.CLOSED
    made.open_turn(1)
    assert made.deliver(delivery(done())) is Verdict.CLOSED
    assert made.rest() is None
    assert made.finish() is None
    assert made.divergence is None


def test_the_end_closes_the_machine() -> None:
    made = machine()
    made.finish()
    assert made.request("a", step()) is Verdict.CLOSED


def test_a_divergence_closes_the_machine_and_is_kept() -> None:
    made = machine((0, "a", step()))
    first = made.request("b", sleep(5))
    assert made.request("a", step()) is Verdict.CLOSED
    assert made.finish() is None
    assert made.divergence is first


# -- turns


def test_turns_only_go_forward() -> None:
    made = machine()
    made.open_turn(2)
    with pytest.raises(AssertionError, match=r"^T1: turn 2 can't follow turn 2$"):
        made.open_turn(2)


@pytest.mark.parametrize(
    ("lines", "replaying"),
    [
        ([], False),
        ([(0, "a", step())], True),
        ([(1, "a", done())], True),
        ([(0, "a", AttributesSet(changes={}, by_step=True))], False),
    ],
)
def test_whether_it_replays(lines: list[tuple[int, str, AnyFact]], replaying: bool) -> None:
    assert machine(*lines).replaying is replaying


def test_a_retried_run_asks_for_its_failed_step_again_and_goes_on() -> None:
    made = machine(
        (0, "a", step()), (1, "a", failed()), (1, "", RunFailed(error=BOOM)), (1, "", RunRetried(failure_seq=4))
    )
    assert made.request("a", step()) is Verdict.RECORDED
    assert made.rest() is None
    made.open_turn(2)
    assert made.deliver(delivery(done(attempt=2), turn=2)) is Verdict.DELIVER
    assert made.request("b", step("app:next")) is Verdict.NEW


@pytest.mark.parametrize("length", range(8))
def test_every_prefix_of_a_log_takes_the_same_requests(length: int) -> None:
    """A program of two parallel steps, a sleep and a last step, on what was recorded when it was cut off."""
    whole = log(
        (0, "a", step("app:a")),
        (0, "b", step("app:b")),
        (1, "b", done()),
        (2, "a", done()),
        (2, "s", sleep()),
        (3, "s", WaitCompleted(due_ms=60_000)),
        (3, "c", step("app:c")),
    )
    prefix = whole[: 2 + length]
    if length == 1:  # never cut there: the answer to a turn is one append
        prefix = whole[:2]
    made = Machine(History(prefix))

    def ask(key: str, request: StepCreated | WaitCreated) -> None:
        known = any(event.key == key and event.fact == request for event in prefix)
        assert made.request(key, request) is (Verdict.RECORDED if known else Verdict.NEW)

    def turn(number: int, key: str, fact: AnyFact) -> None:
        assert made.rest() is None
        made.open_turn(number)
        assert made.deliver(delivery(fact, key, number)) is Verdict.DELIVER

    ask("a", step("app:a"))
    ask("b", step("app:b"))
    turn(1, "b", done())
    turn(2, "a", done())
    ask("s", sleep())
    turn(3, "s", WaitCompleted(due_ms=60_000))
    ask("c", step("app:c"))
    assert made.rest() is None
    assert made.finish() is None
