"""Streams over HTTP: a run's chunks from an index on, as they come, until the stream is closed or the server goes down.

A client that was cut off goes on where it was: after as many lines as it has read in full, or after Last-Event-ID. It
knows that it has all when an answer's header says that the stream was closed as it began. A slow client holds one page.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from perdure.api.connect import CONNECTION
from perdure.api.run import Run, get_run
from perdure.api.stream import checked_namespace
from perdure.engine.reader import Readers
from perdure.errors import WorldUnavailable
from perdure.http.answer import GUARDS
from perdure.http.authorization import Target
from perdure.http.call import Call
from perdure.http.ending import LINGER_S, ending
from perdure.http.frame import SSE, Framing, framing_of
from perdure.http.problem import Problem, problem_of
from perdure.model.ids import RunId
from perdure.world.stream import Chunk, StreamRecord

KEEP_ALIVE_S = 15.0
UNDER_WAY = {**GUARDS, "cache-control": "no-cache, no-transform", "x-accel-buffering": "no"}
"""Headers of an answer that goes on: nobody on its way is to keep or gather it."""
SEND_BYTES = 64 * 1024
_NUMBER = re.compile(r"-?[0-9]{1,15}")
logger = logging.getLogger("perdure")
T = TypeVar("T")
Pages = AsyncGenerator[tuple[Chunk, ...]]


def stream_response(run: Run[Any], request: Request) -> Response:
    """The stream of a run, for a route of your own: `return stream_response(get_run(run_id), request)`.

    From the request it takes `startIndex` and `namespace` of the query, Last-Event-ID, and the Accept header. It asks
    nobody whether the client may read: that is the route's to do. An unknown run is a 404 problem, a bad value a 400.
    """
    return StreamResponse(run, request)


async def read_stream(call: Call) -> Response:
    await call.check("stream:read", Target("run", call.parameter))
    return stream_response(get_run(call.parameter), call.request)


class Wanted(NamedTuple):
    """What a client asks for. `start` may be negative: so many from the tail."""

    namespace: str
    start: int
    framing: Framing[Chunk]

    def first(self, record: StreamRecord) -> int:
        """The index to begin with. Raises: Problem (400) where it lies past the tail."""
        first = record.index_of(self.start)
        if first > record.length:
            raise Problem(
                400,
                f"startIndex={first} is past the stream's end: it has {record.length} chunks so far",
                kind="start-index-invalid",
            )
        return first


def wanted(request: Request) -> Wanted:
    """Raises: Problem (400), UsageError."""
    framing = framing_of(",".join(request.headers.getlist("accept")))
    last = request.headers.get("last-event-id", "")
    start = number("Last-Event-ID", last) + 1 if last else number("startIndex", request.query_params.get("startIndex"))
    if last and start < 1:
        raise Problem(400, "Last-Event-ID is below 0", kind="start-index-invalid")
    return Wanted(checked_namespace(request.query_params.get("namespace")) or "", start, framing)


def number(name: str, text: str | None) -> int:
    if text is None:
        return 0
    if not _NUMBER.fullmatch(text):
        raise Problem(400, f"{name} is no whole number", kind="start-index-invalid")
    return int(text)


class StreamResponse(Response):
    """Sends as it reads. What goes wrong before the first byte is a problem document."""

    def __init__(self, run: Run[Any], request: Request) -> None:
        super().__init__()
        self.run_id, self.request = RunId(run.run_id), request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            pages, response = await self._opened()
        except Exception as error:
            problem = problem_of(error)
            if problem is None:
                raise
            pages, response = None, problem.response()
        if pages is None or scope["method"] == "HEAD":
            await response(scope, receive, send)
        else:
            async with aclosing(pages[0]):
                await send({"type": "http.response.start", "status": 200, "headers": response.raw_headers})
                await Flow(f"a stream of run {self.run_id}", *pages, send).run(receive)
        if self.background is not None:
            await self.background()

    async def _opened(self) -> tuple[tuple[Pages, Framing[Chunk]] | None, Response]:
        """The pages to send (None: there is nothing to follow), and an answer with the headers."""
        asked = self.wanted()
        readers = (await CONNECTION.engine()).readers
        record = await readers.record(self.run_id, asked.namespace)
        first, tail = await self.place(readers, asked, record)
        if ending().is_set():
            raise Problem(503, "the server is going down: come back at once", headers={"retry-after": "1"})
        headers = {
            **UNDER_WAY,
            "vary": "accept",
            "x-workflow-run-id": self.run_id,
            "x-workflow-stream-tail-index": str(tail),
            "x-workflow-stream-closed": "true" if record.closed else "false",
            **self.own_headers,
        }
        if record.closed and first == record.length and asked.framing.media_type == SSE and not asked.framing.last:
            return None, self._response(204, headers)  # an EventSource would come back for ever
        await readers.check(self.run_id, asked.namespace, first)
        response = self._response(200, {**headers, "content-type": asked.framing.media_type})
        return (readers.pages(self.run_id, asked.namespace, first), asked.framing), response

    # -- what another kind of stream has otherwise

    own_headers: Mapping[str, str] = MappingProxyType({})

    def wanted(self) -> Wanted:
        """Raises: Problem (400), UsageError."""
        return wanted(self.request)

    async def place(self, readers: Readers, asked: Wanted, record: StreamRecord) -> tuple[int, int]:
        """The index to begin with, and the tail's, as the client is told. Raises: Problem (400)."""
        return asked.first(record), record.length - 1

    def _response(self, status: int, headers: dict[str, str]) -> Response:
        """With what the route has set on this one: cookies, say. How long it gets, nobody knows."""
        response = Response(status_code=status, headers=headers)
        response.raw_headers += self.raw_headers
        del response.headers["content-length"]
        return response


class Flow(Generic[T]):
    """One answer under way. `what` it is of, for the log."""

    def __init__(self, what: str, pages: AsyncGenerator[tuple[T, ...]], framing: Framing[T], send: Send) -> None:
        self._what, self._pages, self._framing, self._send = what, pages, framing, send

    async def run(self, receive: Receive) -> None:
        """Until the stream is closed, the client has gone or the server goes down."""
        sending = asyncio.create_task(self._send_all())
        gone = asyncio.create_task(_disconnected(receive))
        down = asyncio.create_task(ending().wait())
        tasks = (sending, gone, down)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if gone.cancelled() and not self._broke_off(sending):
            await self._finish()

    async def _finish(self) -> None:
        """The end of the answer; not waited for where the client takes nothing."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S if ending().is_set() else None):
                await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self) -> None:
        page = asyncio.create_task(self._next())
        try:
            while True:
                await asyncio.wait((page,), timeout=KEEP_ALIVE_S if self._framing.alive else None)
                if not page.done():
                    await self._put(self._framing.alive)
                    continue
                chunks = page.result()
                if chunks is None:
                    if self._framing.last:
                        await self._put(self._framing.last)
                    return
                await self._put_page(chunks)
                page = asyncio.create_task(self._next())
        finally:
            page.cancel()
            await asyncio.gather(page, return_exceptions=True)

    async def _next(self) -> tuple[T, ...] | None:
        return await anext(self._pages, None)

    async def _put_page(self, chunks: tuple[T, ...]) -> None:
        """In pieces: whole frames, and not all of a page of large chunks at once."""
        piece = bytearray()
        for chunk in chunks:
            piece += self._framing.frame(chunk)
            if len(piece) >= SEND_BYTES:
                await self._put(bytes(piece))
                piece.clear()
        if piece:
            await self._put(bytes(piece))

    async def _put(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def _broke_off(self, sending: "asyncio.Task[None]") -> bool:
        """Whether the client must be told by a cut connection that this isn't the end; a closing World is one."""
        error = None if sending.cancelled() else sending.exception()
        if error is None or isinstance(error, WorldUnavailable):
            return False
        if not isinstance(error, OSError):  # which is how some servers say that the client has gone
            logger.error("%s broke off", self._what, exc_info=error)
        return True


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
