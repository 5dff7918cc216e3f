"""The other side of an ASGI app: a client that reads an answer as it comes, and may hang up; and a server's life cycle."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec
from starlette.types import ASGIApp, Message

PATIENCE_S = 20.0


def scope_of(
    path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, client: str = "10.0.0.1"
) -> dict[str, Any]:
    raw_path, _, query = path.partition("?")
    fields = {"host": "app.example", **(headers or {})}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(raw_path),
        "raw_path": raw_path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()],
        "client": (client, 1234),
        "server": ("app.example", 80),
    }


class Exchange:
    """A request under way: its answer so far."""

    def __init__(self, app: ASGIApp, scope: dict[str, Any], parts: Iterable[bytes] = (b"",)) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.pieces: list[bytes] = []
        self.complete = False
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        self._taking = asyncio.Event()
        self._hold_after, self._sends, self.held = 1_000_000, 0, False
        *first, last = parts
        self._parts = [
            *({"type": "http.request", "body": part, "more_body": True} for part in first),
            {"type": "http.request", "body": last, "more_body": False},
        ]
        self.task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        try:
            await app(scope, self._receive, self._send)
        finally:
            self._changed.set()

    async def _receive(self) -> Message:
        if self._parts:
            return self._parts.pop(0)
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self._sends += 1
        if self._sends > self._hold_after:
            self.held = True
            self._changed.set()
            await self._taking.wait()
        if message["type"] == "http.response.start":
            assert self.status == 0
            self.status = message["status"]
            self.headers = {name.decode(): value.decode("latin-1") for name, value in message["headers"]}
        else:
            assert self.status and not self.complete
            self.body += message.get("body", b"")
            self.pieces.append(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        self._changed.set()

    async def until(self, condition: "Callable[[Exchange], bool]") -> "Exchange":
        """Wait until the answer so far is like this."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition(self):
                if self.task.done():
                    self.task.result()
                    raise AssertionError(f"the answer ended as {self.status} {self.body!r}")
                self._changed.clear()
                await self._changed.wait()
        return self

    async def begun(self) -> "Exchange":
        return await self.until(lambda answer: answer.status != 0)

    async def end(self) -> "Exchange":
        async with asyncio.timeout(PATIENCE_S):
            await self.task
        return self

    async def hang_up(self) -> None:
        self._gone.set()
        await self.end()

    def hold_after(self, messages: int) -> None:
        """Take so many messages, and nothing more until `let_go`."""
        self._hold_after = messages

    def let_go(self) -> None:
        self._taking.set()

    @property
    def values(self) -> list[Any]:
        """The lines of NDJSON that have come in full."""
        return [msgspec.json.decode(line) for line in self.body.split(b"\n")[:-1]]

    @property
    def events(self) -> list[tuple[int, Any]]:
        """The events of SSE that have come in full, as (id, value); read as the standard says."""
        found: list[tuple[int, Any]] = []
        for block in self.body.decode().split("\n\n")[:-1]:
            fields = [line.partition(":") for line in block.split("\n") if not line.startswith(":")]
            data = "\n".join(value.removeprefix(" ") for name, _, value in fields if name == "data")
            ids = [value.removeprefix(" ") for name, _, value in fields if name == "id"]
            if data:
                found.append((int(ids[-1]), msgspec.json.decode(data)))
        return found


def get(app: ASGIApp, path: str, **headers: str) -> Exchange:
    """A request without a body; `accept_` and the like: names of headers, with underscores."""
    return Exchange(app, scope_of(path, headers={name.replace("_", "-"): value for name, value in headers.items()}))


def client(app: ASGIApp, *, address: str = "10.0.0.1", **headers: str) -> httpx.AsyncClient:
    """For plain requests."""
    transport = httpx.ASGITransport(app=app, client=(address, 1234))
    return httpx.AsyncClient(transport=transport, base_url="http://app.example", headers=headers)


class Server:
    """Drives the life cycle of an app."""

    def __init__(self, app: ASGIApp) -> None:
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": {}}
        self.task = asyncio.ensure_future(app(scope, self._to_app.get, self._from_app.put))

    async def tell(self, what: str) -> Message:
        """Tell the app, and get what it answers."""
        await self._to_app.put({"type": f"lifespan.{what}"})
        async with asyncio.timeout(PATIENCE_S):
            return await self._from_app.get()

    async def end(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.task


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[None]:
    """The app's life around a block."""
    server = Server(app)
    assert await server.tell("startup") == {"type": "lifespan.startup.complete"}
    try:
        yield
    finally:
        assert await server.tell("shutdown") == {"type": "lifespan.shutdown.complete"}
        await server.end()
