"""From rows and events to the records that users see."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, structs

from perdure.api.records import (
    DivergenceInfo,
    ErrorInfo,
    EventInfo,
    HookInfo,
    RunInfo,
    StepInfo,
    StreamInfo,
    WaitInfo,
    Waiting,
    camel,
    moment,
    moment_or_none,
)
from perdure.codec.fact import fact_json
from perdure.codec.keyring import KeyRing
from perdure.codec.value import decode
from perdure.core.hook import HookStanding
from perdure.core.standing import Reason, StepStanding, WaitStanding, reasons_of
from perdure.engine.hook import FoundHook
from perdure.engine.log import to_event
from perdure.engine.seal import open_row
from perdure.errors import DecodeError, PayloadLocked
from perdure.model.duration import in_one_unit
from perdure.model.event import Event, HookCreated, RunBlocked, RunCancelled, RunCompleted, RunFailed
from perdure.model.failure import Failure
from perdure.model.ids import RunId, StepId, hook_id, step_id
from perdure.model.queue import queue_of
from perdure.model.status import ENDED
from perdure.world.log import Log, Row
from perdure.world.query import RunRecord
from perdure.world.stream import StreamRecord

LONG_MS = 60_000
"""A wait without an end says its age from here on."""

RAW_BYTES_MAX = 10_000


def run_info(
    record: RunRecord,
    events: list[Event],
    returns: Any,
    now_ms: int,
    served: bool,
    unserved: Collection[str] = (),
) -> RunInfo:
    """The record of a run, from its row and its events; a long log may be cut to its last event where it has ended.

    `unserved`: of what its queued steps are (see `core.standing.queued_names`) that which no live worker serves.
    """
    last = events[-1].fact if events else None
    reasons = () if record.status in ENDED else _waiting(record, events, served, unserved)
    divergence = last if isinstance(last, RunBlocked) and last.recorded is not None else None
    ended_at_ms = record.ended_at_ms
    return RunInfo(
        run_id=record.run_id,
        workflow=record.workflow,
        status=record.status,
        created_at=moment(record.created_at_ms),
        started_at=moment_or_none(record.started_at_ms),
        completed_at=moment_or_none(ended_at_ms),
        duration_ms=None if ended_at_ms is None else ended_at_ms - record.created_at_ms,
        attributes=dict(record.attributes),
        parent_id=record.parent_id,
        root_id=record.root_id or record.run_id,
        recoveries=record.recoveries,
        deployment=record.deployment,
        pin=record.pin or None,
        reason=_reason(last),
        forced=isinstance(last, RunCancelled) and last.forced,
        result=_result(last.result, returns) if isinstance(last, RunCompleted) else None,
        error=error_info(last.error) if isinstance(last, RunFailed) else None,
        divergence=divergence
        and DivergenceInfo(
            recorded=divergence.recorded or "",
            attempted=divergence.attempted or "",
            turn=divergence.turn or 0,
            line=divergence.line,
            deployment=divergence.deployment,
        ),
        waiting_for=reasons,
        waiting_sentence=_sentence(record, reasons, now_ms),
    )


def unreadable_info(record: RunRecord, error: DecodeError) -> RunInfo:
    """The record of a run whose events can't be read here: what its row says, and why there is no more."""
    info = run_info(record, [], Any, 0, True)
    sentence = info.waiting_sentence and f"not known here: {error}"
    return replace(info, reason=str(error), waiting_sentence=sentence, locked=isinstance(error, PayloadLocked))


def _result(recorded: Raw, returns: Any) -> Any:
    """As today's annotation has it; as it was recorded where it doesn't fit: looking must not fail."""
    try:
        return decode(recorded, returns, "result")
    except DecodeError:
        return msgspec.json.decode(recorded)


def error_info(failure: Failure) -> ErrorInfo:
    return ErrorInfo(type=failure.type.rpartition(":")[2], message=failure.message, traceback=failure.traceback)


def event_infos(log: Log, keys: KeyRing | None) -> list[EventInfo]:
    """A run's rows as people see them; one that can't be read here keeps its place."""
    return [_row_info(log.run.run_id, row, keys) for row in log.rows]


def _row_info(run_id: RunId, row: Row, keys: KeyRing | None) -> EventInfo:
    try:
        return event_info(to_event(open_row(run_id, row, keys)))
    except DecodeError as error:
        data = {"locked": error.reason} if isinstance(error, PayloadLocked) else _raw(row.payload, error)
        return EventInfo(seq=row.seq, turn=row.turn, type=row.type, key=row.key, at=moment(row.at_ms), data=data)


def _raw(payload: bytes, error: DecodeError) -> dict[str, Any]:
    """What is damaged, or of a newer version, as far as it is text."""
    return {"unreadable": error.reason, "raw": payload[:RAW_BYTES_MAX].decode(errors="backslashreplace")}


def event_info(event: Event) -> EventInfo:
    data = _camel_keys(msgspec.json.decode(fact_json(event.fact), type=dict[str, Any]))
    for ours in ("webhook", "hook"):  # what lies in a fact and is ours too
        if ours in data:
            data[ours] = _camel_keys(data[ours])
    return EventInfo(
        seq=event.seq, turn=event.turn, type=event.fact.type, key=event.key, at=moment(event.at_ms), data=data
    )


def _camel_keys(fields: dict[str, Any]) -> dict[str, Any]:
    return {camel(name): value for name, value in fields.items()}


def step_of(record: RunRecord) -> RunId:
    """The run that its steps are of: a step that lies in a queue is a run, but a step of its parent."""
    return record.parent_id if record.parent_id is not None and queue_of(record.workflow) is not None else record.run_id


def step_id_of(record: RunRecord, step: StepStanding) -> StepId:
    return step_id(step_of(record), step.key)


def step_info(record: RunRecord, step: StepStanding) -> StepInfo:
    return StepInfo(
        step_id=step_id_of(record, step),
        run_id=record.run_id,
        name=step.name,
        status=step.status,
        attempt=step.attempt,
        input=msgspec.json.decode(step.input),
        output=None if step.output is None else msgspec.json.decode(step.output),
        error=None if step.error is None else error_info(step.error),
        created_at=moment(step.created_at_ms),
        started_at=moment_or_none(step.started_at_ms),
        completed_at=moment_or_none(step.completed_at_ms),
        retry_at=moment_or_none(step.retry_at_ms),
        queue=None if step.queued is None else step.queued.queue,
    )


def wait_info(wait: WaitStanding) -> WaitInfo:
    return WaitInfo(
        key=wait.key,
        kind="timeout" if wait.timeout else "sleep",
        status=wait.status,
        created_at=moment(wait.created_at_ms),
        due_at=moment(wait.due_ms),
        completed_at=moment_or_none(wait.completed_at_ms),
    )


def hook_found(found: FoundHook) -> HookInfo:
    """A hook that somebody reached by its token."""
    record = found.record
    status = "disposed" if record.closed else "waiting"
    return replace(_hook_info(record.run_id, record.key, found.created, record.created_at_ms), status=status)


def hook_info(run_id: RunId, hook: HookStanding) -> HookInfo:
    """A hook as its run's log tells of it."""
    info = _hook_info(run_id, hook.key, hook.hook, hook.created_at_ms)
    return replace(info, status=hook.status, received=hook.received)


def _hook_info(run_id: RunId, key: str, created: HookCreated, created_at_ms: int) -> HookInfo:
    return HookInfo(
        run_id=run_id,
        hook_id=hook_id(run_id, key),
        token=created.token,
        metadata=_metadata(created.metadata) if created.metadata else None,
        created_at=moment(created_at_ms),
        expires_at=moment_or_none(created.expires_ms),
        webhook=created.webhook is not None,
    )


def _metadata(recorded: Raw) -> Any:
    """As its values have it, else as it was recorded: looking must not fail."""
    try:
        return decode(recorded, Any, "metadata")
    except DecodeError:
        return msgspec.json.decode(recorded)


def stream_info(record: StreamRecord) -> StreamInfo:
    return StreamInfo(namespace=record.stream or None, tail_index=record.length - 1, closed=record.closed)


def _reason(last: Any) -> str | None:
    if isinstance(last, RunCancelled):
        return last.reason
    return last.sentence if isinstance(last, RunBlocked) else None


def _waiting(record: RunRecord, events: list[Event], served: bool, unserved: Collection[str]) -> tuple[Waiting, ...]:
    reasons = [
        _for_a_worker(record, reason) if reason.workflow in unserved else reason for reason in reasons_of(events)
    ]
    if record.status == "blocked":
        sentence = _reason(events[-1].fact) or "an operator"
        reasons = [Reason(kind="code", key="", since_ms=events[-1].at_ms, until_ms=None, detail=sentence)]
    elif record.owner is None and not served:
        detail = f"{_worker_for(record)} that serves {record.workflow}{_way_out(record)}"
        reasons.insert(0, Reason(kind="worker", key="", since_ms=record.created_at_ms, until_ms=None, detail=detail))
    return tuple(
        Waiting(
            kind=reason.kind,
            key=reason.key,
            since=moment(reason.since_ms),
            until=moment_or_none(reason.until_ms),
            detail=reason.detail,
        )
        for reason in reasons
    )


def _for_a_worker(record: RunRecord, reason: Reason) -> Reason:
    """A step in a queue that nobody serves."""
    detail = f"{_worker_for(record)} that runs {reason.detail}{_way_out(record)}"
    return structs.replace(reason, kind="worker", detail=detail)


def _worker_for(record: RunRecord) -> str:
    return f"a worker of deployment {record.pin}" if record.pin else "a worker"


def _way_out(record: RunRecord) -> str:
    return f"; `perdure repin {record.run_id} --deployment NAME` moves it to other code" if record.pin else ""


def _sentence(record: RunRecord, reasons: tuple[Waiting, ...], now_ms: int) -> str:
    if record.status in ENDED:
        return ""
    if record.status == "pending" and not any(reason.kind == "worker" for reason in reasons):
        if record.wake_at_ms and record.wake_at_ms > now_ms:
            return f"waiting for its start at {_text(moment(record.wake_at_ms))}"
        return "waiting for a worker to begin"
    if not reasons:
        return "running"
    first, *others = reasons
    if first.kind == "code":
        return f"blocked: {first.detail}"
    waited_ms = now_ms - round(first.since.timestamp() * 1000)
    if first.until is not None:
        until = f", until {_text(first.until)}"
    else:
        until = f", for {in_one_unit(waited_ms)}" if waited_ms >= LONG_MS else ""
    more = f" (and {len(others)} more)" if others else ""
    return f"waiting for {first.detail}{until}{more}"


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")
