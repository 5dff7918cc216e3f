"""Where the runs stand that a run has started, as its own events tell."""

from typing import Literal

from msgspec import Struct

from perdure.core.retried import taken_back
from perdure.model.event import ENDS, ChildCancelled, ChildCompleted, ChildCreated, ChildFailed, Event
from perdure.model.ids import RunId

ChildStatus = Literal["running", "completed", "failed", "cancelled", "left"]
_ENDINGS: dict[type, ChildStatus] = {
    ChildCompleted: "completed",
    ChildFailed: "failed",
    ChildCancelled: "cancelled",
}


class ChildStanding(Struct, kw_only=True):
    """One child, by the key of its start. `left`: its parent ended first. Times in ms; None: not yet."""

    key: str
    run_id: RunId
    workflow: str
    created_at_ms: int
    status: ChildStatus = "running"
    ended_at_ms: int | None = None


def children_of(events: list[Event]) -> list[ChildStanding]:
    """The run's children, in the order of their starts."""
    children: dict[str, ChildStanding] = {}
    skipped = taken_back(events)
    for event in events:
        if event.seq in skipped:
            continue
        fact = event.fact
        if isinstance(fact, ChildCreated):
            children[event.key] = ChildStanding(
                key=event.key, run_id=fact.run_id, workflow=fact.workflow, created_at_ms=event.at_ms
            )
        elif type(fact) in _ENDINGS and event.key in children:
            _end(children[event.key], _ENDINGS[type(fact)], event.at_ms)
        elif isinstance(fact, ENDS):
            for child in children.values():
                _end(child, "left", event.at_ms)
    return list(children.values())


def _end(child: ChildStanding, status: ChildStatus, at_ms: int) -> None:
    if child.ended_at_ms is None:
        child.status, child.ended_at_ms = status, at_ms
