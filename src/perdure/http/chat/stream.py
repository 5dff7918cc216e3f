"""A chat's stream over HTTP: one stored chunk is one event and one index, for a client that counts.

Such a client comes back at once, and for ever, until it has read `finish`; so the connection is held for as long as the
stream is open, and every end of a run writes `finish` (see `perdure.chat.ending`).
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from perdure.api.run import Run
from perdure.chat.chunk import NEWEST, OLDEST, encoded
from perdure.chat.session import Answer
from perdure.engine.reader import Readers
from perdure.http.frame import SSE, plain
from perdure.http.problem import Problem
from perdure.http.stream import StreamResponse, Wanted, number
from perdure.world.stream import Chunk, StreamRecord

VERSION = "x-ai-sdk-version"
"""The header, or `ai` in the query, by which a client says its major version of npm `ai`."""
LOOK_BACK = 64


def chat_response(run: Run[Any], request: Request) -> Response:
    """The stream of a chat's run, for a route of your own, POST or GET: `return chat_response(run, request)`.

    From a GET's query it takes `startIndex`; negative, it goes back to the step's beginning. It asks nobody whether the
    client may read: that is the route's to do. An unknown run is a 404 problem.
    """
    return ChatResponse(Answer(run), request)


class ChatEvents:
    """Events without ids: a chat client counts by itself. `ai`: the client's major version of npm `ai`."""

    media_type = SSE
    alive, last = b": keep-alive\n\n", b"data: [DONE]\n\n"

    def __init__(self, ai: int) -> None:
        self._ai = ai

    def frame(self, chunk: Chunk) -> bytes:
        return b"data: %b\n\n" % encoded(msgspec.json.decode(plain(chunk.data)), self._ai, chunk.attempt)


class ChatResponse(StreamResponse):
    """As `StreamResponse`, for the clients of npm `ai`."""

    def __init__(self, answer: Answer, request: Request) -> None:
        super().__init__(answer.run, request)
        self._stream = answer.stream
        self.own_headers = {
            "cache-control": "no-cache",
            "x-vercel-ai-ui-message-stream": "v1",
            "x-workflow-run-id": answer.id,
            "access-control-expose-headers": "x-workflow-run-id, x-workflow-stream-tail-index",
        }

    def wanted(self) -> Wanted:
        reads = self.request.method in ("GET", "HEAD")
        start = number("startIndex", self.request.query_params.get("startIndex")) if reads else 0
        return Wanted(self._stream, start, ChatEvents(version_of(self.request)))

    async def place(self, readers: Readers, asked: Wanted, record: StreamRecord) -> tuple[int, int]:
        """From a negative index back to a step's beginning: in its middle no client can begin. It counts on from the tail
        that it is told, so that is told by as much less."""
        first = asked.first(record)
        if asked.start >= 0:
            return first, record.length - 1
        first = await self._step_before(readers, first)
        return first, first - asked.start - 1

    async def _step_before(self, readers: Readers, index: int) -> int:
        """The last `start-step` up to this index; else 0."""
        after = index + 1
        while after > 0:
            first = max(0, after - LOOK_BACK)
            for chunk in reversed(await readers.between(self.run_id, self._stream, first, after)):
                if b'"start-step"' in chunk.data and msgspec.json.decode(plain(chunk.data)) == {"type": "start-step"}:
                    return chunk.index
            after = first
        return 0


def version_of(request: Request) -> int:
    """The oldest where nothing is said: it knows the least, and what it doesn't know is fatal. Raises: Problem (400)."""
    said = request.headers.get(VERSION) or request.query_params.get("ai") or str(OLDEST)
    major = said.partition(".")[0]
    if not major.isascii() or not major.isdigit() or int(major) < OLDEST:
        raise Problem(400, f"{VERSION} is no version of npm ai that is served: {OLDEST} and later are")
    return min(int(major), NEWEST)
