"""A fork: a run that begins with what another recorded before it called a step.

A turn's answer is one append, all or none (T1), so the cut is before the answer that the call is part of: what was called
together with the step is called anew. What was called before and is done by now keeps its outcome, also where that came
later: as the last delivery of the turn in which the fork goes on. Outcomes of steps can be edited; a fork from behind one
goes on in the turn in which it was delivered.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from perdure.core.hook import shown
from perdure.core.pending import Pending
from perdure.core.retried import taken_back
from perdure.errors import UsageError
from perdure.model.event import (
    ENDS,
    REQUESTS,
    AttributesSet,
    ChildCancelled,
    ChildCompleted,
    ChildFailed,
    Event,
    HookConflict,
    HookDisposed,
    Origin,
    PatchMarked,
    RequestsReleased,
    RunBlocked,
    RunCreated,
    StepCompleted,
    StepCreated,
    StepFailed,
)
from perdure.model.failure import Failure
from perdure.model.ids import RunId, StepId, step_id

_ANSWERS = (*REQUESTS, PatchMarked, HookDisposed, RequestsReleased)
_STOPS = (*ENDS, RunBlocked)
_OUTCOMES = (StepCompleted, ChildCompleted, ChildFailed, ChildCancelled)
_NO_EDITS: Mapping[str, Raw | Failure] = {}
LISTED = 10


class Prefix(NamedTuple):
    """What a fork takes over: the events from seq 2 on, and where they are from. `after`: those that it leaves behind."""

    events: list[Event]
    after: list[Event]
    origin: Origin


def source_of(run_id: RunId, origin: Origin | None, turn: int) -> RunId:
    """Whose id chance and the ids of children derive from in this turn: the run's own, but in what a fork took over."""
    while origin is not None and turn < origin.turn:
        run_id, origin = origin.run_id, origin.origin
    return run_id


def called_step(run_id: RunId, events: list[Event], text: str) -> Event:
    """The call of the step with this id, or beginning of one, or name, in full or from its colon on.

    Raises: UsageError where there is none, or more than one.
    """
    calls = {step_id(run_id, event.key): event for event in events if isinstance(event.fact, StepCreated)}
    found = {id: event for id, event in calls.items() if text and _is_named(id, event, text)}
    if text in found:
        return found[StepId(text)]
    if len(found) == 1:
        return next(iter(found.values()))
    if not found:
        raise UsageError(
            f"run {run_id} has called no step {text!r}"
            + (f": give one of these, by its id or name{_listed(calls)}" if calls else "")
        )
    raise UsageError(
        f"run {run_id} has called several steps {text!r}: give the id of the one that you mean{_listed(found)}"
    )


def _listed(calls: dict[StepId, Event]) -> str:
    lines = "".join(f"\n  {id} {_name(event)}" for id, event in list(calls.items())[:LISTED])
    return lines + ("\n  …" if len(calls) > LISTED else "")


def outcome_of(run_id: RunId, events: list[Event], call: Event) -> Event:
    """What a called step has come to. Raises: UsageError where that isn't known yet."""
    skipped = taken_back(events)
    for event in events:
        if event.key == call.key and isinstance(event.fact, StepCompleted | StepFailed) and event.seq not in skipped:
            return event
    raise UsageError(
        f"{step_id(run_id, call.key)} of run {run_id} has no outcome yet that another could be put in the place of: "
        "wait until it has, or fork from before it"
    )


def prefix_of(
    run_id: RunId, events: list[Event], behind: Event, edits: Mapping[str, Raw | Failure] = _NO_EDITS
) -> Prefix:
    """The events before the answer that a call is part of, or that the delivery of a step's outcome got: `behind`; and the
    later outcomes of what they asked for. `edits`: by step's key, what it comes to instead.

    Raises: UsageError where something that they asked for, or an edit, can't be taken over.
    """
    created = events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    cut = _events_before_answer(events, behind.turn)
    before, after = events[:cut], events[cut:]
    pending, skipped = Pending(before), taken_back(events)
    late = [
        event
        for event in after
        if (isinstance(event.fact, _OUTCOMES) or (event.key in edits and isinstance(event.fact, StepFailed)))
        and event.seq not in skipped
        and (event.key in pending.steps or event.key in pending.children)
    ]
    taken = [*before[1:], *(replace(event, turn=behind.turn, seq=seq) for seq, event in enumerate(late, cut + 1))]
    taken = [_edited(event, edits) if event.seq not in skipped else event for event in taken]
    _check(run_id, behind, [events[0], *taken], edits)
    origin = Origin(run_id=run_id, seq=cut + 1, turn=behind.turn, origin=created.forked_from, edited=tuple(edits))
    return Prefix(taken, after, origin)


def _events_before_answer(events: list[Event], turn: int) -> int:
    """How many there are; where the turn has no answer: before the next turn, or what ended or parked the run in this one."""
    answer = next((event for event in events if event.turn == turn and _is_answer(event)), None)
    if answer is None:
        stops = (event.turn > turn or (event.turn == turn and isinstance(event.fact, _STOPS)) for event in events)
        return next((index for index, stop in enumerate(stops) if stop), len(events))
    return answer.seq - 1


def _edited(event: Event, edits: Mapping[str, Raw | Failure]) -> Event:
    fact, edit = event.fact, edits.get(event.key)
    if edit is None or not isinstance(fact, StepCompleted | StepFailed):
        return event
    told = {"attempt": fact.attempt, "duration_ms": fact.duration_ms}
    return replace(
        event, fact=StepFailed(error=edit, **told) if isinstance(edit, Failure) else StepCompleted(result=edit, **told)
    )


def attributes_of(now: dict[str, str], prefix: Prefix) -> dict[str, str]:
    """The fork's attributes: what the prefix set, and of those that the run has `now` what its start gave."""
    changed = dict.fromkeys(key for facts in map(_changes, (*prefix.events, *prefix.after)) for key in facts)
    found: dict[str, str | None] = {key: value for key, value in now.items() if key not in changed}
    for event in prefix.events:
        found.update(_changes(event))
    return {key: value for key, value in found.items() if value is not None}


def _changes(event: Event) -> dict[str, str | None]:
    return event.fact.changes if isinstance(event.fact, AttributesSet) else {}


def _is_named(id: str, event: Event, text: str) -> bool:
    name = _name(event)
    return text in (name, name.rpartition(":")[2]) or (text.startswith("step_") and id.startswith(text))


def _name(event: Event) -> str:
    assert isinstance(event.fact, StepCreated), "a call of a step"
    return event.fact.name


def _is_answer(event: Event) -> bool:
    return isinstance(event.fact, _ANSWERS) and not (isinstance(event.fact, AttributesSet) and event.fact.by_step)


def _check(run_id: RunId, behind: Event, events: list[Event], edits: Mapping[str, Raw | Failure]) -> None:
    """Nobody but the original is told of what goes on elsewhere, and only the World can say that a token is taken."""
    pending = Pending(events)
    reason = next((f"its child {child.run_id} hasn't ended" for child in pending.children.values()), None)
    for step in pending.steps.values():
        if step.queued is not None:
            reason = f"its step {step.name} is in queue {step.queued.queue}, as run {step.queued.run_id}"
    for event in events:
        if isinstance(event.fact, HookConflict):
            reason = f"another run had the token of its {shown(event.fact.hook)}"
    if reason is not None:
        raise UsageError(
            f"run {run_id} can't be forked from {step_id(run_id, behind.key)}: before that, {reason}; "
            "wait until it is over, or fork from an earlier step"
        )
    called = {event.key for event in events if isinstance(event.fact, StepCreated)}
    for key in edits:
        if key not in called:
            raise UsageError(
                f"run {run_id} can't be forked from {step_id(run_id, behind.key)} with another outcome of "
                f"{step_id(run_id, key)}, which isn't called before that: fork from behind that outcome"
            )
