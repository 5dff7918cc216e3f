"""The attempts of a run's steps, derived from its events: when each began, when and how it ended."""

from typing import Literal

from msgspec import Struct

from perdure.core.retried import taken_back
from perdure.model.event import (
    ENDS,
    Event,
    RequestsReleased,
    RunBlocked,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepQueued,
    StepRetrying,
    StepStarted,
)
from perdure.model.failure import Failure

AttemptStatus = Literal["running", "completed", "failed", "interrupted", "cancelled"]


class AttemptStanding(Struct, kw_only=True):
    """One attempt. `interrupted`: its worker died, or its run was blocked; nobody knows how far it came. Times in ms; None:
    not yet."""

    number: int
    began_at_ms: int
    status: AttemptStatus = "running"
    ended_at_ms: int | None = None
    error: Failure | None = None


def attempts_of(events: list[Event]) -> dict[str, list[AttemptStanding]]:
    """By the keys of their steps, in order. An attempt whose failure was taken back by a retry of the run stays. Of those
    in a queue only the last is known, when its outcome has come."""
    attempts: dict[str, list[AttemptStanding]] = {}
    queued: set[str] = set()
    skipped = taken_back(events)
    for event in events:
        if event.key in queued and isinstance(event.fact, StepCompleted | StepFailed):
            queued.discard(event.key)
            attempts[event.key].append(AttemptStanding(number=event.fact.attempt, began_at_ms=event.at_ms))
        match event.fact:
            case StepCreated(at_most_once=committed_first):
                attempts[event.key] = [] if committed_first else [AttemptStanding(number=1, began_at_ms=event.at_ms)]
            case StepQueued(attempt=number):
                queued.add(event.key)
                made = attempts.setdefault(event.key, [])
                if made and made[-1].number == number:
                    made.pop()  # what its call would have begun here, begins there
                _end(made, "interrupted", event.at_ms)
            case StepStarted(attempt=number):
                made = attempts.setdefault(event.key, [])
                if made and made[-1].number == number:
                    made.pop()  # its call has named it, but it waited until its start was committed, and begins now
                _end(made, "interrupted", event.at_ms)
                made.append(AttemptStanding(number=number, began_at_ms=event.at_ms))
            case StepRetrying(duration_ms=duration_ms, error=error) | StepFailed(duration_ms=duration_ms, error=error):
                _end(attempts.get(event.key, []), "failed", event.at_ms, duration_ms, error)
            case StepCompleted(duration_ms=duration_ms):
                _end(attempts.get(event.key, []), "completed", event.at_ms, duration_ms)
            case RunBlocked():
                for made in attempts.values():
                    _end(made, "interrupted", event.at_ms)
            case RequestsReleased(keys=keys) if event.seq not in skipped:
                queued.difference_update(keys)
                for key in keys:
                    _end(attempts.get(key, []), "cancelled", event.at_ms)
            case _ if isinstance(event.fact, ENDS) and event.seq not in skipped:
                for made in attempts.values():
                    _end(made, "cancelled", event.at_ms)
            case _:
                pass
    return attempts


def _end(
    made: list[AttemptStanding],
    status: AttemptStatus,
    at_ms: int,
    duration_ms: int | None = None,
    error: Failure | None = None,
) -> None:
    """The last attempt ends, if it hasn't. A short one's start is committed with its end: its duration tells when."""
    if not made or made[-1].ended_at_ms is not None:
        return
    last = made[-1]
    last.status, last.ended_at_ms, last.error = status, at_ms, error
    if duration_ms is not None:
        last.began_at_ms = min(last.began_at_ms, at_ms - duration_ms)
