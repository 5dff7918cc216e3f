"""What changes, as events of SSE: of the list of runs, of one run, of a stream.

A World is asked now and then, never for more than `WATCHED` runs, and never so often that the asking fills more than a
tenth of the time. What is sent may have been sent before: it replaces what the client has.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, get_args

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from perdure.api.connect import CONNECTION
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound
from perdure.http.call import Call
from perdure.http.ending import ending
from perdure.http.frame import SSE, Named
from perdure.http.inspector.look import run_of
from perdure.http.inspector.query import choices_of, wanted_of
from perdure.http.inspector.session import WORLD, may_act
from perdure.http.problem import Problem
from perdure.http.stream import UNDER_WAY, Flow, wanted
from perdure.inspector.chunk import chunk_view
from perdure.inspector.filter import Wanted
from perdure.inspector.redaction import masked
from perdure.inspector.run import look_at
from perdure.inspector.runs import views_of
from perdure.inspector.span import SpanInfo, span_info
from perdure.inspector.stream import streams_of
from perdure.inspector.timeline import timeline_of
from perdure.model.ids import RunId
from perdure.model.status import ENDED, Status
from perdure.world.query import RunRecord

WATCHED = 200
LOOK_S, LOOK_ENDED_S = 0.5, 2.0
PART_OF_TIME = 10
FRESH_MS = 10_000
"""A span that ended no longer ago may have been open when the client read it."""
News = tuple[tuple[str, Any], ...]


class LiveResponse(Response):
    """Sends news as they come, until the client or the server goes."""

    media_type = SSE

    def __init__(self, what: str, news: AsyncGenerator[News]) -> None:
        super().__init__(headers=UNDER_WAY)
        del self.headers["content-length"]
        self._what, self._news = what, news

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._news):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body", "body": b""})
            else:
                await Flow(self._what, self._news, Named(), send).run(receive)


class Pace:
    """How often is looked: after so long, and after many times as long as the last look took."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began = clock, clock()

    def pause_s(self, least_s: float) -> float:
        """From now to the next look."""
        return max(least_s, (self._clock() - self._began) * PART_OF_TIME)

    async def rest(self, least_s: float) -> None:
        await asyncio.sleep(self.pause_s(least_s))
        self._began = self._clock()


async def live_runs(call: Call) -> Response:
    """`runs`: those of the newest that meet the filters and are new or have changed, and the ids of those that don't
    meet them any more."""
    await call.check("inspect", WORLD)
    filters, status = wanted_of(call.request), choices_of(call.request, "status", get_args(Status))
    return _response("the list of runs", _runs(await CONNECTION.engine(), filters, status))


async def live_run(call: Call) -> Response:
    """`run`: its header with its data; `spans`: those that have changed; `streams`; `events`: how long its log is."""
    engine, run_id = await run_of(call)
    record = await engine.world.read_run(RunId(run_id))
    if record is None:
        raise RunNotFound(run_id)
    return _response(f"run {run_id}", _run(engine, record, shows_tokens=await may_act(call)))


async def live_chunks(call: Call) -> Response:
    """`chunks` from an index on, as they come; `closed` at the end of the stream."""
    engine, run_id = await run_of(call)
    asked = wanted(call.request)
    first = asked.first(await engine.readers.record(RunId(run_id), asked.namespace))
    await engine.readers.check(RunId(run_id), asked.namespace, first)
    return _response(f"a stream of run {run_id}", _chunks(engine, RunId(run_id), asked.namespace, first))


def _response(what: str, news: AsyncGenerator[News]) -> Response:
    """Raises: Problem (503)."""
    if ending().is_set():
        raise Problem(503, "the server is going down: come back at once", headers={"retry-after": "1"})
    return LiveResponse(what, news)


async def _runs(engine: Engine, filters: Wanted, status: tuple[Status, ...]) -> AsyncGenerator[News]:
    filter, known, pace = filters.filter(status, WATCHED), dict[str, RunRecord](), Pace()
    while True:
        page = await engine.world.list_runs(filter)
        found = {run.run_id: run for run in page.runs if filters.matches(run)}
        last = page.runs[-1].run_id if page.more else ""
        gone = [run_id for run_id in known if run_id >= last and run_id not in found]
        changed = [run for run in found.values() if known.get(run.run_id) != run]
        if changed or gone:
            views = await views_of(engine, changed, with_data=False)
            yield (("runs", {"items": [view.as_json() for view in views], "gone": gone}),)
        known = {str(run_id): run for run_id, run in found.items()}
        await pace.rest(LOOK_S)


async def _run(engine: Engine, record: RunRecord | None, *, shows_tokens: bool) -> AsyncGenerator[News]:
    seen: RunRecord | None = None
    spans: dict[str, SpanInfo] = {}
    streams: list[Any] | None = None
    pace = Pace()
    while record is not None:
        news: list[tuple[str, Any]] = []
        if record != seen:
            try:
                view, _, events = await look_at(engine, record, with_data=True)
            except RunNotFound:  # it was old, and has just been removed
                return
            news += [("run", view.as_json()), ("events", {"length": record.length})]
            found = {span.key: span_info(record.run_id, span) for span in timeline_of(events or [])}
            changed = [span for key, span in found.items() if spans.get(key) != span]
            if not spans:
                changed = [span for span in changed if _is_fresh(span, engine.world.now_ms())]
            if changed:
                items = [span.as_json() for span in changed]
                news.append(("spans", {"items": items if shows_tokens else masked(items)}))
            seen, spans = record, found
        written = [stream.as_json() for stream in await streams_of(engine, record.run_id)]
        if written != streams:
            streams = written
            news.append(("streams", {"items": written}))
        if news:
            yield tuple(news)
        await pace.rest(LOOK_ENDED_S if record.status in ENDED else LOOK_S)
        record = await engine.world.read_run(record.run_id)


def _is_fresh(span: SpanInfo, now_ms: int) -> bool:
    return span.ended_at is None or span.ended_at.timestamp() * 1000 > now_ms - FRESH_MS


async def _chunks(engine: Engine, run_id: RunId, namespace: str, first: int) -> AsyncGenerator[News]:
    async with aclosing(engine.readers.pages(run_id, namespace, first)) as pages:
        async for page in pages:
            yield (("chunks", {"items": [chunk_view(chunk).as_json() for chunk in page]}),)
    yield (("closed", {}),)
