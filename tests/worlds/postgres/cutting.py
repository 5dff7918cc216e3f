"""A proxy before the server that loses the reply to a COMMIT: it has landed, and nobody hears of it; or it never left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qsl, urlencode, urlsplit

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"
"""As asyncpg sends it."""


class Cutter:
    """`cuts` has what becomes of the COMMITs to come: "reply" lets it through and cuts the connection instead of the answer,
    "query" cuts it before, "" does nothing. `cut` counts those that were cut."""

    def __init__(self, path: str) -> None:
        self._path = path
        self.cuts: list[str] = []
        self.cut = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above = await asyncio.open_unix_connection(self._path)
        state = {"deaf": False}
        down = asyncio.create_task(self._down(above_reader, writer, state))
        self._tasks.add(down)
        try:
            while data := await reader.read(65536):
                fate = self.cuts.pop(0) if self.cuts and COMMIT[-9:] in data else ""
                if fate:
                    self.cut += 1
                if fate == "query":
                    break
                state["deaf"] = fate == "reply"
                above.write(data)
                await above.drain()
                if fate == "reply":
                    await down  # ends at the answer
                    break
        except ConnectionError:
            pass
        finally:
            for end in (above, writer):
                with suppress(Exception):
                    end.close()
            down.cancel()
            self._tasks.discard(down)

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: dict[str, bool]) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                if state["deaf"]:
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def cutting(url: str) -> AsyncGenerator[tuple[str, Cutter]]:
    """The URL of the same World behind a proxy, and the proxy."""
    parts = urlsplit(url)
    pairs = dict(parse_qsl(parts.query))
    cutter = Cutter(f"{pairs.pop('host')}/.s.PGSQL.5432")
    server = await asyncio.start_server(cutter.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    behind = parts._replace(netloc=f"{parts.netloc}127.0.0.1:{port}", query=urlencode({**pairs, "sslmode": "disable"}))
    try:
        yield behind.geturl(), cutter
    finally:
        server.close()
