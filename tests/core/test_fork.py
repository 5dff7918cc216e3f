"""A log in, and a step: what a fork from there takes over."""

import pytest
from msgspec import Raw

from perdure.core.fork import Prefix, attributes_of, called_step, outcome_of, prefix_of, source_of
from perdure.errors import UsageError
from perdure.model.event import (
    AttributesSet,
    ChildCompleted,
    ChildCreated,
    Event,
    HookDisposed,
    Origin,
    PatchMarked,
    RequestsReleased,
    RunBlocked,
    RunFailed,
    RunRetried,
    StepFailed,
    StepQueued,
    StepStarted,
)
from perdure.model.failure import Failure
from perdure.model.ids import RunId, step_id
from tests.core.hooks import hook
from tests.core.logs import done, failed, log, raw, sleep, step

ME, OLD, OLDEST = RunId("wrun_3"), RunId("wrun_2"), RunId("wrun_1")
A, B, C = "0/step:app:charge#0", "0/step:app:ship#0", "0.1/step:app:slow#0"
NO = Failure(type="builtins:ValueError", message="no")
CHILD = "0/child:app:part#0"


def taken(events: list[Event], key: str) -> list[tuple[int, int, str, str]]:
    """Seq, turn, type and key of what a fork from this step takes over."""
    prefix = prefix_of(ME, events, called_step(ME, events, step_id(ME, key)))
    return [(event.seq, event.turn, event.fact.type, event.key) for event in prefix.events]


def test_the_cut_is_before_the_answer_that_the_call_is_part_of() -> None:
    answer = [(1, "", PatchMarked(name="p", answer=True)), (1, "", RequestsReleased(keys=("x",)))]
    answer += [(1, "0/hook#0", HookDisposed()), (1, C, step("app:slow")), (1, B, step("app:ship"))]
    events = log((0, A, step()), (1, A, done()), *answer, (2, C, done()))
    assert taken(events, B) == [(2, 0, "run_started", ""), (3, 0, "step_created", A), (4, 1, "step_completed", A)]
    prefix = prefix_of(ME, events, called_step(ME, events, "ship"))
    assert prefix.origin == Origin(run_id=ME, seq=5, turn=1)
    assert [event.seq for event in prefix.after] == [5, 6, 7, 8, 9, 10]


def test_an_attribute_of_a_step_is_no_answer() -> None:
    by_step = (1, A, AttributesSet(changes={"a": "b"}, by_step=True))
    events = log((0, A, step()), by_step, (1, A, done()), (1, B, step("app:ship")))
    assert [seq for seq, *_ in taken(events, B)] == [2, 3, 4, 5]


def test_outcomes_that_came_later_are_the_last_deliveries_of_the_turn() -> None:
    called = ((0, A, step()), (0, C, step("app:slow")), (1, A, done()), (1, C, StepStarted(attempt=2)))
    events = log(*called, (1, B, step("app:ship")), (2, B, done()), (3, C, done("2")))
    assert taken(events, B)[-2:] == [(6, 1, "step_started", C), (7, 1, "step_completed", C)]
    assert prefix_of(ME, events, called_step(ME, events, "ship")).events[-1].at_ms == 9_000


def test_a_later_failure_isnt_taken_over_the_step_runs_again() -> None:
    events = log((0, A, step()), (0, C, step("app:slow")), (1, A, done()), (1, B, step("app:ship")), (2, C, failed()))
    assert [key for *_, key in taken(events, B)].count(C) == 1


def edited(events: list[Event], key: str, edit: Raw | Failure, *, before: str | None = None) -> Prefix:
    """What a fork takes over in which this step comes to something else; it goes on from there, or from before a step."""
    call = called_step(ME, events, step_id(ME, key))
    behind = outcome_of(ME, events, call) if before is None else called_step(ME, events, step_id(ME, before))
    return prefix_of(ME, events, behind, {key: edit})


def test_an_edited_outcome_is_the_last_that_is_taken_over() -> None:
    events = log((0, A, step()), (1, A, done("1")), (1, B, step("app:ship")), (2, B, done()))
    prefix = edited(events, A, raw("2"))
    assert [(event.seq, event.turn, event.fact.type) for event in prefix.events] == [
        (2, 0, "run_started"), (3, 0, "step_created"), (4, 1, "step_completed"),
    ]  # fmt: skip
    assert prefix.events[-1].fact == done("2")
    assert prefix.events[-1].at_ms == events[3].at_ms
    assert prefix.origin == Origin(run_id=ME, seq=5, turn=1, edited=(A,))
    assert edited(events, A, raw("2"), before=B) == prefix


def test_it_may_fail_instead_and_what_failed_may_not() -> None:
    ended = (1, "", RunFailed(error=NO))
    events = log((0, A, step()), (1, A, failed()), ended)
    prefix = edited(events, A, raw("2"))
    assert [event.fact for event in prefix.events][2:] == [done("2")]
    events = log((0, A, step()), (1, A, done(attempt=3)), (1, B, step("app:ship")))
    assert edited(events, A, NO).events[-1].fact == StepFailed(attempt=3, error=NO)


def test_a_turn_without_an_answer_ends_where_the_next_begins_or_the_run_is_parked() -> None:
    called = ((0, A, step()), (0, C, step("app:slow")), (1, A, done()), (1, C, StepStarted(attempt=2)))
    later = log(*called, (2, C, done("2")), (2, B, step("app:ship")))
    prefix = edited(later, A, raw("2"))
    assert [(event.seq, event.turn, event.fact.type) for event in prefix.events][3:] == [
        (5, 1, "step_completed"), (6, 1, "step_started"), (7, 1, "step_completed"),
    ], "what was called with it keeps its outcome"  # fmt: skip
    blocked = log(*called, (1, "", RunBlocked(sentence="s")))
    assert edited(blocked, A, raw("2")).events[-1].fact.type == "step_started"
    assert edited(log(*called), A, raw("2")).events[-1].fact.type == "step_started"


def test_a_later_failure_is_taken_over_where_it_is_edited() -> None:
    called = ((0, A, step()), (0, C, step("app:slow")), (1, A, done()), (1, B, step("app:ship")), (2, C, failed()))
    prefix = edited(log(*called), C, raw("2"), before=B)
    assert (prefix.events[-1].key, prefix.events[-1].turn) == (C, 1)
    assert prefix.events[-1].fact == done("2")


def test_a_failure_that_was_taken_back_is_no_outcome() -> None:
    tried = (0, A, step()), (1, A, failed()), (1, "", RunFailed(error=NO)), (1, "", RunRetried(failure_seq=4))
    with pytest.raises(UsageError, match="has no outcome yet"):
        edited(log(*tried), A, raw("2"))
    prefix = edited(log(*tried, (2, A, done())), A, raw("2"))
    assert [event.fact.type for event in prefix.events if event.key == A] == [
        "step_created", "step_failed", "step_completed"
    ]  # fmt: skip


def test_outcomes_that_cant_be_edited() -> None:
    events = log((0, A, step()), (1, A, done()), (1, B, step("app:ship")))
    with pytest.raises(UsageError) as caught:
        edited(events, B, raw("2"))
    assert str(caught.value) == (
        f"{step_id(ME, B)} of run {ME} has no outcome yet that another could be put in the place of: "
        "wait until it has, or fork from before it"
    )
    events = log((0, A, step()), (1, A, done()), (1, B, step("app:ship")), (2, B, done()))
    for before in (A, B):
        with pytest.raises(UsageError) as caught:
            edited(events, B, raw("2"), before=before)
        assert str(caught.value) == (
            f"run {ME} can't be forked from {step_id(ME, before)} with another outcome of {step_id(ME, B)}, which isn't "
            "called before that: fork from behind that outcome"
        )


def test_children_and_queued_steps_must_have_ended() -> None:
    born = (0, CHILD, ChildCreated(run_id=OLD, workflow="app:part", input=raw("{}")))
    begun = (born, (0, A, step()), (1, A, done()), (1, B, step("app:ship")))
    with pytest.raises(UsageError) as caught:
        taken(log(*begun), B)
    assert str(caught.value) == (
        f"run {ME} can't be forked from {step_id(ME, B)}: before that, its child {OLD} hasn't ended; "
        "wait until it is over, or fork from an earlier step"
    )
    ended = (2, CHILD, ChildCompleted(run_id=OLD, result=raw("1")))
    assert taken(log(*begun, ended), B)[-1] == (6, 1, "child_completed", CHILD)
    queued = (0, C, StepQueued(queue="gpu", run_id=OLD, attempt=1, max_recoveries=5))
    sent = ((0, A, step()), (0, C, step("app:slow")), queued, (1, A, done()), (1, B, step("app:ship")))
    with pytest.raises(UsageError, match=f"before that, its step app:slow is in queue gpu, as run {OLD}; wait"):
        taken(log(*sent), B)
    assert taken(log(*sent, (2, C, done())), B)[-1] == (7, 1, "step_completed", C)


def test_open_hooks_and_sleeps_are_taken_over() -> None:
    open = (
        (0, "0/hook#0", hook()),
        (0, "0/sleep#0", sleep()),
        (0, A, step()),
        (1, A, done()),
        (1, B, step("app:ship")),
    )
    assert [type for _, _, type, _ in taken(log(*open), B)][1:3] == ["hook_created", "wait_created"]


@pytest.mark.parametrize(("text", "key"), [("app:charge", A), ("charge", A), ("ship", B), (step_id(ME, B)[:12], B)])
def test_a_step_by_its_name_or_id(text: str, key: str) -> None:
    events = log((0, A, step()), (1, A, done()), (1, B, step("app:ship")))
    assert called_step(ME, events, text).key == key


def test_steps_that_arent_there() -> None:
    with pytest.raises(UsageError, match=f"^run {ME} has called no step 'ship'$"):
        called_step(ME, log(), "ship")
    many = log(*((0, f"0/step:app:charge#{number}", step()) for number in range(12)))
    for text in ("charge", "ship", "step_"):
        with pytest.raises(UsageError) as caught:
            called_step(ME, many, text)
        lines = str(caught.value).splitlines()
        assert (len(lines), lines[-1]) == (12, "  …"), text


def test_attributes_as_they_were() -> None:
    early = (0, "0/attr#0", AttributesSet(changes={"a": "1", "b": "1", "c": "1"}))
    gone = (0, "0/attr#1", AttributesSet(changes={"c": None}))
    late = (1, "0/attr#2", AttributesSet(changes={"b": "2", "d": "2", "e": None}))
    events = log(early, gone, (0, A, step()), (1, A, done()), late, (1, B, step("app:ship")))
    prefix = prefix_of(ME, events, called_step(ME, events, "ship"))
    assert attributes_of({"a": "1", "b": "2", "d": "2", "mine": "x"}, prefix) == {"a": "1", "b": "1", "mine": "x"}


def test_whose_chance_it_is() -> None:
    twice = Origin(run_id=OLD, seq=9, turn=5, origin=Origin(run_id=OLDEST, seq=4, turn=2))
    assert [source_of(ME, twice, turn) for turn in range(7)] == [OLDEST, OLDEST, OLD, OLD, OLD, ME, ME]
    earlier = Origin(run_id=OLD, seq=4, turn=1, origin=twice.origin)
    assert [source_of(ME, earlier, turn) for turn in range(3)] == [OLDEST, ME, ME]
    assert source_of(ME, None, 0) == ME
