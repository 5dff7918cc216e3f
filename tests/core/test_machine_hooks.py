"""Hooks and streams in the replay machine: a log in, calls, decisions out: new; recorded; recorded and pending."""

from typing import Any

import pytest

from perdure.core.divergence import Divergence
from perdure.core.history import History
from perdure.core.machine import Machine, Verdict
from perdure.model.event import (
    AnyFact,
    AttributesSet,
    Event,
    HookDisposed,
    HookExpired,
    Request,
    StreamClosed,
    StreamEpilogue,
    StreamWritten,
)
from perdure.model.webhook import WebhookTerms
from tests.core.hooks import OTHER, TERMS, got, hook, taken
from tests.core.logs import done, log, raw, step

KEY = "0/hook#0"
CHUNK = StreamWritten(stream="log", data=raw("1"))


def machine(*lines: tuple[int, str, AnyFact]) -> Machine:
    return Machine(History(log(*lines)))


def asked(request: Request, *lines: tuple[int, str, AnyFact]) -> Machine:
    """A machine on this log, whose body has asked for this in turn 0 and rests; turn 1 is open."""
    made = machine(*lines)
    assert isinstance(made.request(KEY, request), Verdict)
    assert made.rest() is None
    made.open_turn(1)
    return made


def delivery(fact: AnyFact, key: str = KEY, turn: int = 1) -> Event:
    return Event(seq=9, turn=turn, epoch=1, key=key, at_ms=9_000, fact=fact)


def diverged(found: Any) -> tuple[str, str, int]:
    assert isinstance(found, Divergence)
    return found.recorded, found.attempted, found.turn


# -- new; recorded; recorded and pending


def test_a_new_hook() -> None:
    made = machine()
    assert made.recorded(KEY) is None
    assert made.request(KEY, hook()) is Verdict.NEW
    assert made.rest() is None
    made.open_turn(1)
    assert made.deliver(delivery(got())) is Verdict.DELIVER
    assert made.finish() is None


@pytest.mark.parametrize("request_", [CHUNK, StreamClosed(), StreamEpilogue(), AttributesSet(changes={"a": "b"})])
def test_what_has_no_delivery_isnt_kept(request_: Request) -> None:
    """A body that writes a million chunks must not keep as many keys."""
    made = machine()
    assert made.request(KEY, request_) is Verdict.NEW
    assert made._awaited == {}  # pyright: ignore[reportPrivateUsage]


def test_a_recorded_hook() -> None:
    made = machine((0, KEY, hook()), (1, KEY, got()))
    assert made.request(KEY, hook()) is Verdict.RECORDED
    assert made.rest() is None
    made.open_turn(1)
    assert made.deliver(delivery(got())) is Verdict.DELIVER
    assert made.finish() is None


def test_a_hook_recorded_and_pending() -> None:
    made = machine((0, KEY, hook()))
    assert made.request(KEY, hook()) is Verdict.RECORDED
    assert made.rest() is None
    assert not made.closed
    made.open_turn(1)  # a payload comes, live
    assert made.deliver(delivery(got())) is Verdict.DELIVER


@pytest.mark.parametrize("request_", [CHUNK, StreamClosed(stream="log"), StreamEpilogue(failed=(raw("1"),))])
def test_a_write_has_no_delivery(request_: Request) -> None:
    made = machine()
    assert made.request("w", request_) is Verdict.NEW
    assert (made.rest(), made.finish()) == (None, None)
    made = machine((0, "w", request_))
    assert made.request("w", request_) is Verdict.RECORDED
    assert (made.rest(), made.finish()) == (None, None)


# -- what the World decided


def test_a_recorded_conflict_is_the_hook_that_was_asked_for() -> None:
    made = machine((0, KEY, taken()))
    assert made.recorded(KEY) == hook()
    assert made.request(KEY, hook()) is Verdict.RECORDED
    assert made.rest() is None


def test_a_conflict_with_another_token_diverges() -> None:
    found = machine((0, KEY, taken("approval:1"))).request(KEY, hook("approval:2"))
    assert diverged(found) == ("hook approval:1", "hook approval:2", 0)


# -- payloads


def test_payloads_are_delivered_again_and_again() -> None:
    made = asked(hook())
    for turn in (1, 2, 3):
        assert made.deliver(delivery(got(str(turn)), turn=turn)) is Verdict.DELIVER
        made.open_turn(turn + 1)


def test_a_rejected_payload_is_a_delivery_as_well() -> None:
    """It makes a turn; that the body doesn't get it is the body's affair."""
    assert asked(hook()).deliver(delivery(got("x", "payload: no int"))) is Verdict.DELIVER


def test_a_disposed_hook_gets_nothing_more() -> None:
    made = asked(hook())
    assert made.deliver(delivery(got())) is Verdict.DELIVER
    made.release(KEY)
    assert made.deliver(delivery(got())) is Verdict.RELEASED
    assert made.deliver(delivery(HookExpired(due_ms=1))) is Verdict.RELEASED


def test_an_expired_hook_gets_nothing_more() -> None:
    made = asked(hook(expires_ms=1))
    assert made.deliver(delivery(got())) is Verdict.DELIVER
    assert made.deliver(delivery(HookExpired(due_ms=1))) is Verdict.DELIVER
    assert made.deliver(delivery(got())) is Verdict.RELEASED
    assert made.deliver(delivery(HookExpired(due_ms=1))) is Verdict.RELEASED


def test_a_dispose_that_was_recorded_is_not_expected_of_the_body() -> None:
    """It is told, not asked for: the body disposes by itself, or (as after a retry) doesn't."""
    made = asked(hook(), (0, KEY, hook()), (0, KEY, HookDisposed()), (1, KEY, got()))
    assert made.deliver(delivery(got())) is Verdict.DELIVER
    assert (made.rest(), made.finish()) == (None, None)


@pytest.mark.parametrize(
    ("fact", "recorded"),
    [(got(), "hook_received for 0/hook#7"), (HookExpired(due_ms=1), "hook_expired for 0/hook#7")],
)
def test_a_hook_that_was_never_asked_for_diverges(fact: AnyFact, recorded: str) -> None:
    made = asked(hook())
    assert diverged(made.deliver(delivery(fact, "0/hook#7"))) == (recorded, "no hook with that key", 1)
    assert made.closed


def test_a_closed_machine_delivers_nothing() -> None:
    made = asked(hook())
    made.close()
    assert made.deliver(delivery(got())) is Verdict.CLOSED


def test_a_payload_is_no_answer_to_a_step_of_that_key() -> None:
    made = asked(step())
    assert diverged(made.deliver(delivery(got())))[1] == "no hook with that key"


# -- divergence, both sides


@pytest.mark.parametrize(
    ("recorded", "attempted", "sides"),
    [
        (hook("a:1"), hook("a:2"), ("hook a:1", "hook a:2")),
        (hook("a:1"), hook("a:1", expires_ms=5), ("hook a:1", "hook a:1 until 5 ms")),
        (hook("a:1", metadata='{"n":1}'), hook("a:1", metadata='{"n":2}'), ('hook a:1({"n":1})', 'hook a:1({"n":2})')),
        (hook("a:1"), hook("a:1", webhook=TERMS), ("hook a:1", "webhook a:1")),
        (hook("a:1"), step(), ("hook a:1", "step app:charge({})")),
        (
            CHUNK,
            StreamWritten(stream="log", data=raw("2")),
            ("a write to the stream log (1)", "a write to the stream log (2)"),
        ),
        (CHUNK, StreamWritten(data=raw("1")), ("a write to the stream log (1)", "a write to the stream default (1)")),
        (
            CHUNK,
            StreamWritten(stream="log", data=raw("1"), run_id=OTHER),
            ("a write to the stream log (1)", f"a write to the stream log of run {OTHER} (1)"),
        ),
        (
            StreamEpilogue(stream="log", completed=(raw("1"), raw("2")), failed=(raw("3"),)),
            StreamEpilogue(),
            (
                "what the run's end writes to the stream log (completed: 1, 2; failed: 3)",
                "what the run's end writes to the stream default (nothing)",
            ),
        ),
        (StreamClosed(stream="log"), StreamClosed(), ("the end of the stream log", "the end of the stream default")),
    ],
)
def test_a_changed_request_shows_both_sides(recorded: Request, attempted: Request, sides: tuple[str, str]) -> None:
    found = machine((0, KEY, recorded)).request(KEY, attempted)
    assert diverged(found) == (*sides, 0)


def test_a_hook_that_is_missing_diverges() -> None:
    made = machine((0, KEY, hook()))
    assert diverged(made.rest()) == ("hook approval:1", "nothing", 0)


def test_a_hook_that_is_added_to_an_answered_turn_diverges() -> None:
    made = machine((0, "a", step()), (1, "a", done()))
    made.request("a", step())
    assert diverged(made.request(KEY, hook())) == ("nothing more in this turn", "hook approval:1", 0)


# -- what a body can't make twice


def test_what_was_recorded_can_be_asked_for() -> None:
    made = machine((0, KEY, hook("drawn", random=True)), (0, "a", step()))
    assert made.recorded(KEY) == hook("drawn", random=True)
    assert made.recorded("a") == step()
    assert made.recorded("0/hook#1") is None


def test_recorded_terms_can_be_asked_for() -> None:
    terms = WebhookTerms(base_url="https://old.example", timeout_ms=5)
    found = machine((0, "0/webhook#0", hook(webhook=terms))).recorded("0/webhook#0")
    assert found == hook(webhook=terms)


def test_the_owner_is_no_part_of_what_was_asked_for() -> None:
    history = History(log((0, KEY, taken(owner=OTHER))))
    assert history.request(KEY) == (0, hook())
