"""A run as people look at it: its values stay JSON, for there is no code here that knows their types."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from perdure.api.info import run_info, unreadable_info
from perdure.api.records import Record, RunInfo, StreamInfo
from perdure.core.standing import queued_names
from perdure.engine.engine import Engine
from perdure.engine.log import read_log, to_events
from perdure.errors import DecodeError, PayloadLocked
from perdure.inspector.child import ChildInfo, newest_children
from perdure.inspector.hook import HookView, hooks_in
from perdure.inspector.reading import events_of
from perdure.inspector.record import record_of
from perdure.inspector.redaction import redacted
from perdure.inspector.reference import record_named
from perdure.inspector.span import Timeline, timeline_info
from perdure.inspector.stream import streams_of
from perdure.model.event import Event, RunCompleted, RunCreated
from perdure.model.ids import RunId, step_id
from perdure.model.status import ENDED
from perdure.world.log import Log
from perdure.world.ownership import WorkerRecord
from perdure.world.query import RunRecord

_NULL = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class RunView(Record):
    """`input` and `result` are decoded JSON, tags and all but for what is redacted; None too where they weren't asked
    for."""

    info: RunInfo
    input: Any
    result: Any
    with_data: bool

    def as_json(self) -> dict[str, Any]:
        shown = self.info.as_json()
        del shown["result"]
        shown["detail"] = self.detail
        return {**shown, "input": self.input, "result": self.result} if self.with_data else shown

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "RunView":
        """The view whose JSON this is. Raises: msgspec.ValidationError."""
        info = record_of(RunInfo, {**told, "result": None})
        return cls(info, told.get("input"), told.get("result"), "input" in told)

    @property
    def detail(self) -> str:
        """In a sentence: the error, why it was cancelled or blocked, or what it waits for."""
        info = self.info
        if info.error is not None:
            return f"{info.error.type}: {info.error.message}"
        return info.reason or info.waiting_sentence


@dataclass(frozen=True, slots=True)
class OriginInfo(Record):
    """What a fork was forked from: a run, and the seq of its first event that the fork doesn't have. `edited`: the ids of the
    fork's steps whose outcome is another than that run's."""

    run_id: str
    seq: int
    edited: Sequence[str] = ()


class RunDetail(NamedTuple):
    """`timeline` None: there is none, for the log doesn't open here. It is no part of the JSON."""

    view: RunView
    hooks: Sequence[HookView]
    streams: Sequence[StreamInfo]
    children: Sequence[ChildInfo] = ()
    timeline: Timeline | None = None
    forked_from: OriginInfo | None = None

    def as_json(self) -> dict[str, Any]:
        children = [child.as_json() for child in self.children]
        return {
            **self.view.as_json(),
            "hooks": self.hooks_json(),
            "streams": self.streams_json(),
            "children": children,
            "forkedFrom": None if self.forked_from is None else self.forked_from.as_json(),
        }

    @classmethod
    def from_json(cls, told: dict[str, Any], timeline: Timeline | None) -> "RunDetail":
        """The details whose JSON this is. Raises: msgspec.ValidationError."""
        return cls(
            RunView.from_json(told),
            [HookView.from_json(each) for each in told.get("hooks", ())],
            [record_of(StreamInfo, each) for each in told.get("streams", ())],
            [record_of(ChildInfo, each) for each in told.get("children", ())],
            timeline,
            record_of(OriginInfo, told["forkedFrom"]) if told.get("forkedFrom") is not None else None,
        )

    def hooks_json(self) -> list[dict[str, Any]]:
        return [hook.as_json() for hook in self.hooks]

    def streams_json(self) -> list[dict[str, Any]]:
        return [stream.as_json() for stream in self.streams]


async def show_run(engine: Engine, run: str, *, with_data: bool) -> RunDetail:
    """All about a run; of one whose payloads don't open here, what there is beside them. Raises: RunNotFound, UsageError."""
    return await detail_of(engine, await record_named(engine, run), with_data=with_data)


async def detail_of(engine: Engine, record: RunRecord, *, with_data: bool) -> RunDetail:
    """Raises: RunNotFound."""
    view, log, events = await look_at(engine, record, with_data=with_data)
    streams = await streams_of(engine, record.run_id)
    children = await newest_children(engine, record.run_id)
    if events is None:
        return RunDetail(view, (), streams, children)
    return RunDetail(
        view,
        hooks_in(log.run, events, with_data=with_data),
        streams,
        children,
        timeline_info(log.run, events, engine.world.now_ms()),
        _origin(record.run_id, events),
    )


def _origin(run_id: RunId, events: list[Event]) -> OriginInfo | None:
    created = events[0].fact
    origin = created.forked_from if isinstance(created, RunCreated) else None  # else it can't be read here
    if origin is None:
        return None
    return OriginInfo(origin.run_id, origin.seq, [step_id(run_id, key) for key in origin.edited])


async def look_at(engine: Engine, record: RunRecord, *, with_data: bool) -> tuple[RunView, Log, list[Event] | None]:
    """The view of a run, and, from the same reading, its events; None where they don't open here. Raises: RunNotFound."""
    log = await read_log(engine.world, record.run_id)
    seen = replace(log, rows=log.rows[_first_seq(record, with_data=with_data) - 1 :])
    view = _listed(engine, record, seen, await engine.world.workers(), with_data=with_data)
    try:
        return view, log, events_of(engine, log)
    except PayloadLocked:
        return view, log, None


async def listed_view(
    engine: Engine, record: RunRecord, workers: Sequence[WorkerRecord], *, with_data: bool
) -> RunView:
    """As `look_at`; of a run that has ended only the last event is read, unless its data is asked for."""
    log = await read_log(engine.world, record.run_id, _first_seq(record, with_data=with_data))
    return _listed(engine, record, log, workers, with_data=with_data)


def _first_seq(record: RunRecord, *, with_data: bool) -> int:
    return 1 if with_data or record.status not in ENDED else record.length


def _listed(
    engine: Engine, record: RunRecord, log: Log, workers: Sequence[WorkerRecord], *, with_data: bool
) -> RunView:
    """Of a run whose log can't be read here (no key, a newer version, damage) what its row says, and why."""
    try:
        return _viewed(engine, log, workers, with_data=with_data)
    except DecodeError as error:
        return RunView(unreadable_info(record, error), None, None, with_data=with_data)


def _viewed(engine: Engine, log: Log, workers: Sequence[WorkerRecord], *, with_data: bool) -> RunView:
    """With these workers; from the events that its view needs. Raises: DecodeError, PayloadLocked among them."""
    events = to_events(log, engine.keys)
    result = _result(events)

    def is_served(workflow: str) -> bool:
        return any(worker.serves(workflow, log.run.pin) for worker in workers)

    unserved = {name for name in queued_names(events) if not is_served(name)}
    served = is_served(log.run.workflow)
    info = run_info(log.run, _without_result(events), Any, engine.world.now_ms(), served, unserved)
    if not with_data:
        return RunView(info, None, None, with_data=False)
    created = events[0].fact
    assert isinstance(created, RunCreated), "L1: a log begins with run_created"
    input = redacted(msgspec.json.decode(created.input))
    return RunView(info, input, redacted(msgspec.json.decode(result)), with_data=True)


def _result(events: list[Event]) -> msgspec.Raw:
    last = events[-1].fact if events else None
    return last.result if isinstance(last, RunCompleted) else _NULL


def _without_result(events: list[Event]) -> list[Event]:
    """`run_info` would read it into objects, and refuse one whose class is in the workflow's code alone."""
    if events and isinstance(events[-1].fact, RunCompleted):
        return [*events[:-1], replace(events[-1], fact=RunCompleted(result=_NULL))]
    return events
