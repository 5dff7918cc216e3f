"""A run's timeline, as JSON has it."""

from dataclasses import dataclass
from datetime import datetime

from perdure.api.info import error_info
from perdure.api.records import ErrorInfo, Record, moment, moment_or_none
from perdure.core.attempt import AttemptStanding, AttemptStatus
from perdure.engine.engine import Engine
from perdure.inspector.reading import read_events
from perdure.inspector.reference import run_named
from perdure.inspector.timeline import Span, SpanKind, timeline_of
from perdure.model.event import Event
from perdure.model.ids import RunId, step_id
from perdure.world.query import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptInfo(Record):
    """One attempt of a step. `interrupted`: its worker died, or its run was blocked. `ended_at` None: it runs."""

    attempt: int
    started_at: datetime
    ended_at: datetime | None
    status: AttemptStatus
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanInfo(Record):
    """See `timeline.Span`. `step_id`: of a step; `token`: of a hook; `run_id`: of a child."""

    key: str
    kind: SpanKind
    name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime | None
    step_id: str | None
    run_id: str | None
    token: str | None
    attempts: tuple[AttemptInfo, ...]
    marks: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline(Record):
    """Spans, the earliest first; `now` by the store's clock."""

    items: tuple[SpanInfo, ...]
    created_at: datetime
    now: datetime


async def read_timeline(engine: Engine, run: str) -> Timeline:
    """Where a run's time went. Raises: RunNotFound, PayloadLocked, UsageError."""
    log, events = await read_events(engine, await run_named(engine, run))
    return timeline_info(log.run, events, engine.world.now_ms())


def timeline_info(run: RunRecord, events: list[Event], now_ms: int) -> Timeline:
    """Of a run with these events."""
    return Timeline(
        items=tuple(span_info(run.run_id, span) for span in timeline_of(events)),
        created_at=moment(run.created_at_ms),
        now=moment(now_ms),
    )


def span_info(run_id: RunId, span: Span) -> SpanInfo:
    return SpanInfo(
        key=span.key,
        kind=span.kind,
        name=span.name,
        status=span.status,
        started_at=moment(span.began_at_ms),
        ended_at=moment_or_none(span.ended_at_ms),
        due_at=moment_or_none(span.due_at_ms),
        step_id=step_id(run_id, span.key) if span.kind == "step" else None,
        run_id=span.run_id,
        token=span.token,
        attempts=tuple(attempt_info(attempt) for attempt in span.attempts),
        marks=tuple(moment(mark) for mark in span.marks),
    )


def attempt_info(attempt: AttemptStanding) -> AttemptInfo:
    return AttemptInfo(
        attempt=attempt.number,
        started_at=moment(attempt.began_at_ms),
        ended_at=moment_or_none(attempt.ended_at_ms),
        status=attempt.status,
        error=None if attempt.error is None else error_info(attempt.error),
    )
