"""Where a run stands, derived from its events: its steps, its waits, and what it waits for, in words."""

from typing import Literal

from msgspec import Raw, Struct

from perdure.core.hook import shown
from perdure.core.pending import OpenStep, Pending
from perdure.core.retried import taken_back
from perdure.model.event import (
    ENDS,
    Event,
    HookReceived,
    RequestsReleased,
    RunBlocked,
    RunCreated,
    RunRetried,
    StepCompleted,
    StepCreated,
    StepFailed,
    StepQueued,
    StepRetrying,
    StepStarted,
    WaitCompleted,
    WaitCreated,
)
from perdure.model.failure import Failure
from perdure.model.queue import queued_name

StepStatus = Literal["pending", "running", "retrying", "completed", "failed", "cancelled"]
WaitStatus = Literal["waiting", "completed", "woken", "cancelled"]
Kind = Literal["hook", "sleep", "step", "retry", "child", "worker", "code"]


class StepStanding(Struct, kw_only=True):
    """One step, by its key. Times in ms; None: not yet. `pending`: it hasn't begun, or its run is blocked, and nothing of it
    runs. `queued`: where it has gone; of what has happened there only its outcome is known here."""

    key: str
    name: str
    input: Raw
    created_at_ms: int
    started_at_ms: int | None = None
    status: StepStatus = "running"
    attempt: int = 1
    output: Raw | None = None
    error: Failure | None = None
    completed_at_ms: int | None = None
    retry_at_ms: int | None = None
    queued: StepQueued | None = None


class WaitStanding(Struct, kw_only=True):
    """One sleep or timeout, by its key."""

    key: str
    timeout: bool
    created_at_ms: int
    due_ms: int
    status: WaitStatus = "waiting"
    completed_at_ms: int | None = None


class Reason(Struct, frozen=True, kw_only=True):
    """One thing that a run waits for. `until_ms` None: not bounded by time. `workflow`: that of the run that it waits for,
    where that is a step in a queue."""

    kind: Kind
    key: str
    since_ms: int
    until_ms: int | None
    detail: str
    workflow: str = ""


def steps_of(events: list[Event]) -> list[StepStanding]:
    """The run's steps, in the order of their calls."""
    steps: dict[str, StepStanding] = {}
    skipped = taken_back(events)
    before = 0  # so many attempts were made elsewhere
    for event in events:
        if event.seq in skipped:
            continue
        if isinstance(event.fact, RunCreated) and event.fact.step is not None:
            before = event.fact.step.attempt - 1
        elif isinstance(event.fact, StepCreated):
            steps[event.key] = StepStanding(
                key=event.key,
                name=event.fact.name,
                input=event.fact.input,
                created_at_ms=event.at_ms,
                started_at_ms=None if event.fact.at_most_once else event.at_ms,
                status="pending" if event.fact.at_most_once else "running",
                attempt=before + (not event.fact.at_most_once),
            )
        else:
            _advance_steps(steps, event, events)
    return list(steps.values())


def _advance_steps(steps: dict[str, StepStanding], event: Event, events: list[Event]) -> None:
    step = steps.get(event.key)
    match event.fact:
        case StepQueued(attempt=attempt) if step is not None:
            step.status, step.attempt, step.retry_at_ms, step.queued = "pending", attempt - 1, None, event.fact
            if attempt == 1:  # what its call would have begun here, begins there
                step.started_at_ms = None
        case StepStarted(attempt=attempt) if step is not None:
            step.status, step.attempt, step.retry_at_ms = "running", attempt, None
            step.started_at_ms = event.at_ms if step.started_at_ms is None else step.started_at_ms
        case StepRetrying(attempt=attempt, error=error, retry_at_ms=retry_at_ms) if step is not None:
            step.status, step.attempt, step.error, step.retry_at_ms = "retrying", attempt, error, retry_at_ms
        case StepCompleted() | StepFailed() if step is not None and step.status == "cancelled":
            pass  # too late: nobody waited for it
        case StepCompleted(attempt=attempt, duration_ms=duration_ms, result=result) if step is not None:
            step.status, step.attempt, step.output, step.error = "completed", attempt, result, None
            _end_step(step, event.at_ms, duration_ms)
        case StepFailed(attempt=attempt, duration_ms=duration_ms, error=error) if step is not None:
            step.status, step.attempt, step.error = "failed", attempt, error
            _end_step(step, event.at_ms, duration_ms)
        case RunRetried(failure_seq=seq):
            failed = steps.get(events[seq - 1].key)
            if failed is not None:
                failed.status, failed.retry_at_ms, failed.queued = "pending", None, None
        case RunBlocked():
            for each in steps.values():
                each.status = "pending" if each.status == "running" else each.status
        case RequestsReleased(keys=keys):
            _cancel_steps([steps[key] for key in keys if key in steps], event.at_ms)
        case _ if isinstance(event.fact, ENDS):
            _cancel_steps(list(steps.values()), event.at_ms)
        case _:
            pass


def _end_step(step: StepStanding, at_ms: int, duration_ms: int) -> None:
    """The start of a short step is committed together with its outcome: its duration tells when it really began."""
    step.completed_at_ms, step.retry_at_ms = at_ms, None
    began_at_ms = at_ms - duration_ms
    step.started_at_ms = began_at_ms if step.started_at_ms is None else min(step.started_at_ms, began_at_ms)
    step.created_at_ms = min(step.created_at_ms, step.started_at_ms)


def _cancel_steps(steps: list[StepStanding], at_ms: int) -> None:
    for step in steps:
        if step.completed_at_ms is None:
            step.status, step.completed_at_ms, step.retry_at_ms = "cancelled", at_ms, None


def waits_of(events: list[Event]) -> list[WaitStanding]:
    """The run's sleeps and timeouts, in the order in which they began."""
    waits: dict[str, WaitStanding] = {}
    skipped = taken_back(events)
    for event in events:
        if event.seq in skipped:
            continue
        fact, wait = event.fact, waits.get(event.key)
        if isinstance(fact, WaitCreated):
            waits[event.key] = WaitStanding(
                key=event.key, timeout=fact.timeout, created_at_ms=event.at_ms, due_ms=fact.due_ms
            )
        elif isinstance(fact, WaitCompleted) and wait is not None:
            wait.status, wait.completed_at_ms = ("woken" if fact.woken else "completed"), event.at_ms
        elif isinstance(fact, (RequestsReleased, *ENDS)):
            keys = fact.keys if isinstance(fact, RequestsReleased) else tuple(waits)
            for open_wait in (waits[key] for key in keys if key in waits):
                if open_wait.completed_at_ms is None:
                    open_wait.status, open_wait.completed_at_ms = "cancelled", event.at_ms
    return list(waits.values())


def queued_names(events: list[Event]) -> set[str]:
    """The workflows that those are which the run's open steps were sent to queues as."""
    steps = Pending(events).steps.values()
    return {queued_name(step.queued.queue, step.name) for step in steps if step.queued is not None}


def reasons_of(events: list[Event]) -> list[Reason]:
    """What the run waits for: hooks, since somebody has to act, then the soonest; a timeout around it bounds the others."""
    pending = Pending(events)
    limit_ms = min((wait.due_ms for wait in pending.waits.values() if wait.timeout), default=None)
    refusals = {event.key: event.fact.rejected for event in events if isinstance(event.fact, HookReceived)}
    reasons = [_step_reason(step, limit_ms) for step in pending.steps.values()]
    reasons += [
        Reason(kind="sleep", key=key, since_ms=wait.since_ms, until_ms=wait.due_ms, detail="a sleep")
        for key, wait in pending.waits.items()
        if not wait.timeout
    ]
    reasons += [
        Reason(
            kind="child", key=key, since_ms=child.since_ms, until_ms=limit_ms, detail=f"{child.workflow} {child.run_id}"
        )
        for key, child in pending.children.items()
    ]
    reasons += [
        Reason(
            kind="hook",
            key=key,
            since_ms=open.since_ms,
            until_ms=min((ms for ms in (open.hook.expires_ms, limit_ms) if ms is not None), default=None),
            detail=f"a payload for {shown(open.hook)}{_refused(refusals.get(key))}",
        )
        for key, open in pending.hooks.items()
    ]
    return sorted(reasons, key=lambda reason: (reason.kind != "hook", reason.until_ms is None, reason.until_ms or 0))


def _refused(why: str | None) -> str:
    """Of the last payload that came."""
    return "" if why is None else f" that fits (the last one was refused: {why})"


def _step_reason(step: OpenStep, limit_ms: int | None) -> Reason:
    if step.retry_at_ms and not step.interruptible and step.error is not None:
        error = f"{step.error.type.rpartition(':')[2]}: {step.error.message}"
        detail = f"the next attempt of {step.name}, after attempt {step.attempts} failed with {error}"
        return Reason(kind="retry", key=step.key, since_ms=step.first_at_ms, until_ms=step.retry_at_ms, detail=detail)
    queued = step.queued
    if queued is not None:
        return Reason(
            kind="step",
            key=step.key,
            since_ms=step.first_at_ms,
            until_ms=limit_ms,
            detail=f"{step.name} in queue {queued.queue}, run {queued.run_id}",
            workflow=queued_name(queued.queue, step.name),
        )
    detail = f"{step.name}, attempt {max(step.attempts, 1)}"
    return Reason(kind="step", key=step.key, since_ms=step.first_at_ms, until_ms=limit_ms, detail=detail)
