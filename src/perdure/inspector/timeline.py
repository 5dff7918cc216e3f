"""A run as spans of time: steps with their attempts, sleeps, timeouts, hooks and children. Pure: events in, spans out."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from perdure.core.attempt import AttemptStanding, attempts_of
from perdure.core.child import children_of
from perdure.core.hook import hooks_of, shown
from perdure.core.standing import steps_of, waits_of
from perdure.model.event import Event, HookReceived
from perdure.model.ids import RunId

SpanKind = Literal["step", "sleep", "timeout", "hook", "child"]


class Span(Struct, frozen=True, kw_only=True):
    """From when to when something of a run was under way. Times in ms since the epoch.

    `ended_at_ms` None: it still is. `due_at_ms`: when a sleep ends, a timeout or a hook's expiry strikes, or a step's
    next attempt begins. `attempts`: of a step. `marks`: when a hook's payloads came. `run_id`: the child's; `token`: the
    hook's, in full.
    """

    key: str
    kind: SpanKind
    name: str
    status: str
    began_at_ms: int
    ended_at_ms: int | None
    due_at_ms: int | None = None
    attempts: tuple[AttemptStanding, ...] = ()
    marks: tuple[int, ...] = ()
    run_id: RunId | None = None
    token: str | None = None


def timeline_of(events: list[Event]) -> list[Span]:
    """The spans of a run, the earliest first."""
    spans = [*_steps(events), *_waits(events), *_hooks(events), *_children(events)]
    return sorted(spans, key=lambda span: span.began_at_ms)


def _steps(events: list[Event]) -> Iterator[Span]:
    attempts = attempts_of(events)
    for step in steps_of(events):
        yield Span(
            key=step.key,
            kind="step",
            name=step.name,
            status=step.status,
            began_at_ms=step.created_at_ms,
            ended_at_ms=step.completed_at_ms,
            due_at_ms=step.retry_at_ms,
            attempts=tuple(attempts.get(step.key, ())),
        )


def _waits(events: list[Event]) -> Iterator[Span]:
    for wait in waits_of(events):
        yield Span(
            key=wait.key,
            kind="timeout" if wait.timeout else "sleep",
            name="timeout" if wait.timeout else "sleep",
            status=wait.status,
            began_at_ms=wait.created_at_ms,
            ended_at_ms=wait.completed_at_ms,
            due_at_ms=wait.due_ms,
        )


def _hooks(events: list[Event]) -> Iterator[Span]:
    received: defaultdict[str, list[int]] = defaultdict(list)
    for event in events:
        if isinstance(event.fact, HookReceived):
            received[event.key].append(event.at_ms)
    for hook in hooks_of(events):
        yield Span(
            key=hook.key,
            kind="hook",
            name=shown(hook.hook),
            status=hook.status,
            began_at_ms=hook.created_at_ms,
            ended_at_ms=hook.closed_at_ms,
            due_at_ms=hook.hook.expires_ms,
            marks=tuple(received[hook.key]),
            token=hook.hook.token,
        )


def _children(events: list[Event]) -> Iterator[Span]:
    for child in children_of(events):
        yield Span(
            key=child.key,
            kind="child",
            name=child.workflow,
            status=child.status,
            began_at_ms=child.created_at_ms,
            ended_at_ms=child.ended_at_ms,
            run_id=child.run_id,
        )
