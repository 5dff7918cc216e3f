"""A handle on a run: follow it, end it, look at it. Result, status and cancel also work, durably, inside workflows."""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, overload

from msgspec.structs import replace

from perdure.api.connect import CONNECTION
from perdure.api.info import event_infos, hook_info, run_info, step_info, stream_info, unreadable_info, wait_info
from perdure.api.options import check_by, check_text
from perdure.api.outcome import result_of
from perdure.api.records import Chunk, EventInfo, HookInfo, Listing, Page, RunInfo, StepInfo, StreamInfo, WaitInfo
from perdure.api.relay import relay_cancel, relay_result, relay_status
from perdure.api.stream import HIDDEN, checked_namespace
from perdure.api.wait import timeout as limit
from perdure.api.workflow import Workflow
from perdure.codec.value import decode
from perdure.core.hook import hooks_of
from perdure.core.standing import queued_names, waits_of
from perdure.engine.engine import Engine, NewRun
from perdure.engine.fork import Change, fork
from perdure.engine.log import read_log
from perdure.engine.queue import steps_with_queued
from perdure.errors import DecodeError, PayloadLocked, PerdureError, RunNotFound, UsageError
from perdure.model import event as log
from perdure.model.duration import Duration, duration_ms, moment_ms
from perdure.model.event import Event
from perdure.model.ids import RunId, is_run_id
from perdure.model.queue import PREFIX
from perdure.model.status import ENDED, Status
from perdure.replay.body import Body, current_body
from perdure.replay.run import child_result
from perdure.replay.scope import SCOPE
from perdure.world.query import RunFilter, RunRecord

if TYPE_CHECKING:  # for type checkers alone: it costs as much to import as all of the engine
    from typing_extensions import TypeForm

R = TypeVar("R")
V = TypeVar("V")
WARN_AFTER_S = 5.0
PAGE = 200
logger = logging.getLogger("perdure")


class Run(Generic[R]):
    """A handle on one run; having one costs nothing. `run_id` is its id.

    `result`, `status` and `cancel` also work, durably, inside workflows; the other methods belong into a step there. Lists
    (its log, steps, waits, hooks, streams) are awaited for a Page, or iterated with `async for`. `by` is who does it, in up
    to 200 printable characters: the event that the verb makes has it, in its `data`; without it the log doesn't say.
    """

    def __init__(self, run_id: RunId, returns: Any = Any) -> None:
        self.run_id: str = run_id
        self._id, self._returns = run_id, returns

    def __repr__(self) -> str:
        return f"<run {self.run_id}>"

    async def result(self, timeout: Duration | None = None) -> R:
        """What the workflow returned, once it has ended. After five seconds without a live worker that serves the workflow it
        logs a warning.

        Raises: RunFailed (the original exception as its `__cause__`), RunCancelled, RunBlocked, RunNotFound,
        TimeoutError after `timeout`, DecodeError if the result doesn't fit the workflow's annotation, PayloadLocked where
        this process lacks the key.
        """
        scope = SCOPE.get()
        if scope is not None and isinstance(scope, Body):
            async with limit(timeout):
                if self._id in scope.children:
                    return await child_result(scope, self._id, self._returns)
                return decode((await relay_result(self.run_id)).encode(), self._returns, "result")
        engine = await CONNECTION.engine()
        reminder = engine.reminders.begin(WARN_AFTER_S, partial(_warn_if_unserved, engine, self._id))
        try:
            if timeout is None:
                fact = await engine.end(self._id)
            else:
                async with limit(timeout):
                    fact = await engine.end(self._id)
        finally:
            engine.reminders.end(reminder)
        return decode(result_of(self.run_id, fact), self._returns, "result")

    async def status(self) -> Status:
        """Where it stands, in a word. Raises: RunNotFound."""
        if current_body() is not None:
            return await relay_status(self.run_id)
        return (await _record(await CONNECTION.engine(), self._id)).status

    async def info(self) -> RunInfo:
        """All about the run: times, result or error, and what it waits for; `locked` where its payloads can't be opened
        with this process's keys. Raises: RunNotFound."""
        engine = await CONNECTION.engine()
        record = await _record(engine, self._id)
        try:
            record, events = await _read(engine, record)
        except PayloadLocked as error:
            return unreadable_info(record, error)
        returns = self._returns if self._returns is not Any else _returns_of(engine, record.workflow)
        served = record.status in ENDED or await engine.is_served(record.workflow, record.pin)
        unserved = await _unserved(engine, record, events)
        return run_info(record, events, returns, engine.world.now_ms(), served, unserved)

    async def cancel(self, reason: str | None = None, grace: Duration | None = None, *, by: str | None = None) -> bool:
        """Ask the run to end; True if that was accepted, False if it had ended.

        CancelledError is raised at the body's await and in its running steps; `finally` and compensation run, durably; then
        the run is `cancelled`, for this `reason`, and its children are asked to end too. A body that catches it and returns
        has completed. `grace`: after so long it ends without its body; 0: at once; None: it takes the time that it needs. A
        second cancel changes nothing, but may shorten the grace. Raises: RunNotFound, DurationInvalid, UsageError.
        """
        check_text("reason", reason)
        check_by(by)
        grace_ms = None if grace is None else duration_ms(grace)
        if current_body() is not None:
            named = (
                [] if by is None else [by]
            )  # without it what is recorded is as in old logs, which it is held against
            return await relay_cancel(self.run_id, reason, grace_ms, *named)
        return await (await CONNECTION.engine()).cancel(self._id, reason, grace_ms, by)

    async def wake_up(self, *, by: str | None = None) -> int:
        """End the pending sleeps now (timeouts stay); how many there were. Raises: RunNotFound, UsageError."""
        check_by(by)
        return await (await CONNECTION.engine()).wake_up(self._id, by)

    async def retry(self, *, by: str | None = None) -> None:
        """Let a blocked run try again, or a failed one go on in place from its failed step, with the same step ids and a
        fresh budget.

        Raises: RunNotFound, UsageError where there is nothing to go on from (then: `rerun`): the body failed by itself, or
        has acted on the failure, or the run is a child whose parent was told.
        """
        check_by(by)
        await (await CONNECTION.engine()).retry(self._id, by)

    async def repin(self, deployment: str, *, by: str | None = None) -> bool:
        """Move the run to the workers of another deployment: a name, "latest" or "any"; False if it was theirs already.

        Its present owner loses it at once. A blocked run stays blocked: then `retry`. Raises: RunNotFound, UsageError
        where it has ended.
        """
        check_by(by)
        return await (await CONNECTION.engine()).repin(self._id, deployment, by)

    async def rerun(self, *, by: str | None = None) -> "Run[R]":
        """A new run with the same workflow and input, pinned as any start here. Raises: RunNotFound, UsageError."""
        check_by(by)
        engine = await CONNECTION.engine(work=True)
        _, events = await engine.log(self._id)
        created = events[0].fact
        assert isinstance(created, log.RunCreated), "a log begins with run_created"
        if created.step is not None:
            raise UsageError(f"run {self.run_id} is a step of run {created.parent_id}: rerun that")
        input, epilogues = bytes(created.input), created.epilogues
        new = NewRun(created.workflow, input, rerun_of=self._id, by=by, epilogues=epilogues)
        return Run((await engine.start(new)).run_id, self._returns)

    async def fork(
        self,
        from_step: str | None = None,
        *,
        input: Mapping[str, object] | None = None,
        outputs: Mapping[str, object] | None = None,
        by: str | None = None,
    ) -> "Run[R]":
        """A new run that goes on from before a step (its id, a beginning of it, or its name): what was recorded by then is
        taken over, and not done again. `input`: arguments of the workflow, by name, in place of the recorded ones.
        `outputs`: by a step's id or name what it comes to instead, a result or an exception; without `from_step` it goes
        on from the last of them. Raises, and starts nothing: RunNotFound, WorkflowNotRegistered, StepNotRegistered,
        PayloadLocked, ArgumentsInvalid, EncodeError; UsageError, also where today's code doesn't fit what is taken over.
        """
        check_by(by)
        change = Change(input or {}, outputs or {})
        return Run(await fork(await CONNECTION.engine(work=True), self._id, from_step, change, by), self._returns)

    def events(self, cursor: str | None = None) -> Listing[EventInfo]:
        """The run's log, in order, from a page's `cursor` on; what this process's keys don't open is `locked`.

        Raises: RunNotFound, UsageError.
        """

        async def page(cursor: str | None) -> Page[EventInfo]:
            if cursor is not None and not (cursor.isascii() and cursor.isdigit()):
                raise UsageError(f"cursor={cursor!r} is none that a page of events gave")
            first = int(cursor) if cursor else 1
            engine = await CONNECTION.engine()
            log = await read_log(engine.world, self._id, first)
            items = tuple(event_infos(replace(log, rows=log.rows[:PAGE]), engine.keys))
            return Page(items=items, cursor=str(first + PAGE) if len(log.rows) > PAGE else None)

        return Listing(page, cursor)

    def steps(self) -> Listing[StepInfo]:
        """The run's steps, in the order of their calls."""

        async def page(_: str | None) -> Page[StepInfo]:
            engine = await CONNECTION.engine()
            found, events = await engine.log(self._id)
            steps = await steps_with_queued(engine.world, events, engine.keys)
            return Page(items=tuple(step_info(found.run, step) for step in steps), cursor=None)

        return Listing(page)

    def waits(self) -> Listing[WaitInfo]:
        """The run's sleeps and timeouts, in the order in which they began."""

        async def page(_: str | None) -> Page[WaitInfo]:
            events = (await (await CONNECTION.engine()).log(self._id))[1]
            return Page(items=tuple(wait_info(wait) for wait in waits_of(events)), cursor=None)

        return Listing(page)

    def hooks(self) -> Listing[HookInfo]:
        """The run's hooks, in the order of their creation."""

        async def page(_: str | None) -> Page[HookInfo]:
            events = (await (await CONNECTION.engine()).log(self._id))[1]
            return Page(items=tuple(hook_info(self._id, hook) for hook in hooks_of(events)), cursor=None)

        return Listing(page)

    def streams(self) -> Listing[StreamInfo]:
        """The run's streams that somebody wrote, by name."""

        async def page(_: str | None) -> Page[StreamInfo]:
            engine = await CONNECTION.engine()
            await _record(engine, self._id)
            records = await engine.world.streams.list(self._id)
            shown = (stream_info(record) for record in records if not record.stream.startswith(HIDDEN))
            return Page(items=tuple(shown), cursor=None)

        return Listing(page)

    async def stream_info(self, namespace: str | None = None) -> StreamInfo:
        """How long the stream of this `namespace` is, and whether it is closed. Raises: RunNotFound, UsageError."""
        readers = (await CONNECTION.engine()).readers
        return stream_info(await readers.record(self._id, checked_namespace(namespace) or ""))

    def read_chunks(
        self, type: Any = Any, *, namespace: str | None = None, start_index: int = 0
    ) -> AsyncGenerator[Chunk[Any]]:
        """As `Run.readable`, with each chunk's index, and which attempt of which step wrote it."""
        return _chunks(self._id, type, checked_namespace(namespace), start_index)

    @overload
    def readable(self, *, namespace: str | None = None, start_index: int = 0) -> AsyncGenerator[Any]: ...
    @overload
    def readable(
        self, type: "TypeForm[V]", *, namespace: str | None = None, start_index: int = 0
    ) -> AsyncGenerator[V]: ...
    def readable(self, type: Any = Any, *, namespace: str | None = None, start_index: int = 0) -> AsyncGenerator[Any]:
        """The values of a stream, read as `type`, as they come, from `start_index` on (negative: so many from the tail),
        until it is closed. `namespace`: of a further stream.

        One that nobody wrote is waited for while the run lives. A slow reader costs no memory. Not in a workflow's body.
        Raises: RunNotFound, UsageError for an index past the tail, DecodeError, WorldError.
        """
        return _values(self._id, type, checked_namespace(namespace), start_index)


async def _record(engine: Engine, run_id: RunId) -> RunRecord:
    record = await engine.world.read_run(run_id)
    if record is None:
        raise RunNotFound(run_id)
    return record


async def _warn_if_unserved(engine: Engine, run_id: RunId) -> None:
    live = engine.worker.runs.get(run_id) if engine.worker is not None else None
    if live is not None and not live.pending.queued_runs():
        return  # it lives here: thousands may be waited for at once, and none of them need be read
    try:
        record = await _record(engine, run_id)
        unserved = [] if await engine.is_served(record.workflow, record.pin) else [record.workflow]
        record, events = await _read(engine, record)
        unserved += await _unserved(engine, record, events)
    except PerdureError:
        return  # whoever waits is told
    if unserved:
        of = f" of deployment {record.pin}" if record.pin else ""
        way_out = ", or move the run with `perdure repin`" if record.pin else ""
        logger.warning(
            "run %s waits: no live worker%s serves %s; start one with `perdure worker`%s",
            run_id, of, ", ".join(unserved), way_out,
        )  # fmt: skip


async def _chunks(run_id: RunId, type: Any, namespace: str | None, start_index: int) -> AsyncGenerator[Chunk[Any]]:
    readers = (await CONNECTION.engine()).readers
    async with aclosing(readers.pages(run_id, namespace or "", start_index)) as pages:
        async for page in pages:
            for kept in page:
                value = decode(kept.data, type, "chunk")
                yield Chunk(index=kept.index, value=value, step_id=kept.step_id, attempt=kept.attempt)


async def _values(run_id: RunId, type: Any, namespace: str | None, start_index: int) -> AsyncGenerator[Any]:
    async with aclosing(_chunks(run_id, type, namespace, start_index)) as chunks:
        async for chunk in chunks:
            yield chunk.value


@overload
def get_run(run_id: str) -> Run[Any]: ...
@overload
def get_run(run_id: str, returns: "TypeForm[R]", /) -> Run[R]: ...
def get_run(run_id: str, returns: Any = Any) -> Run[Any]:
    """A handle on the run with this id; no I/O. `returns` is the type of its result. Raises: RunNotFound if it is no id."""
    if not is_run_id(run_id):
        raise RunNotFound(run_id, malformed=True)
    return Run(RunId(run_id), returns)


async def find_run(idempotency_key: str) -> Run[Any] | None:
    """The run that was started with this key, or None. Raises: WorldError."""
    record = await (await CONNECTION.engine()).world.find_run(idempotency_key)
    return None if record is None else Run(record.run_id)


def list_runs(
    *,
    status: Status | None = None,
    workflow: Workflow[..., Any] | str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    attributes: dict[str, str] | None = None,
    limit: int = 20,
    cursor: str | None = None,
) -> Listing[RunInfo]:
    """Runs, newest first: awaited, a Page of at most `limit` from `cursor` on; with `async for`, all. Every condition holds.

    `status` is one of `Run.status`; `workflow` the function or its name; `since` (inclusive) and `until` (exclusive) are
    aware datetimes, on the time of the start; `attributes` must all be equal. Steps that lie in a queue are runs too, and
    listed only where `workflow` names them. Raises: UsageError, DurationInvalid.
    """

    if limit < 1:
        raise UsageError(f"limit={limit} asks for no runs: give at least 1")
    if status is not None and status not in get_args(Status):
        raise UsageError(f"status={status!r} is none of {', '.join(get_args(Status))}")
    since_ms = None if since is None else moment_ms(since, 0)
    until_ms = None if until is None else moment_ms(until, 0)

    async def page(cursor: str | None) -> Page[RunInfo]:
        engine = await CONNECTION.engine()
        found = await engine.world.list_runs(
            RunFilter(
                status=(status,) if status else (),
                workflow=workflow.definition.name if isinstance(workflow, Workflow) else workflow,
                without=PREFIX if workflow is None else None,
                since_ms=since_ms,
                until_ms=until_ms,
                attributes=attributes or {},
                limit=limit,
                before=RunId(cursor) if cursor else None,
            )
        )
        listed = [await _listed(engine, record) for record in found.runs]
        items = tuple(info for info in listed if info is not None)
        return Page(items=items, cursor=found.runs[-1].run_id if found.more else None)

    return Listing(page, cursor)


async def _listed(engine: Engine, record: RunRecord) -> RunInfo | None:
    try:
        record, events = await _read(engine, record)
    except RunNotFound:  # it was old, and has just been removed
        return None
    except DecodeError as error:  # one run's log, a newer version's or locked: the others are shown
        return unreadable_info(record, error)
    served = record.status in ENDED or await engine.is_served(record.workflow, record.pin)
    returns, unserved = _returns_of(engine, record.workflow), await _unserved(engine, record, events)
    return run_info(record, events, returns, engine.world.now_ms(), served, unserved)


async def _unserved(engine: Engine, record: RunRecord, events: list[Event]) -> list[str]:
    """Of what the run's queued steps are, that which no live worker serves."""
    return [name for name in queued_names(events) if not await engine.is_served(name, record.pin)]


async def _read(engine: Engine, record: RunRecord) -> tuple[RunRecord, list[Event]]:
    """The run's row and its events; of a run that has ended the last one alone, which says it all."""
    found, events = await engine.log(record.run_id, record.length if record.status in ENDED else 1)
    if record.status in ENDED and found.run.status not in ENDED:  # it goes on: somebody has retried it
        found, events = await engine.log(record.run_id)
    return found.run, events


def _returns_of(engine: Engine, workflow: str) -> Any:
    return engine.registry.workflow(workflow).returns if workflow in engine.registry.served else Any
