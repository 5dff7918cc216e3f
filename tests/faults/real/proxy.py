"""A proxy before a PostgreSQL, on a socket of its own: it cuts connections when the server has done what was asked.

So the answer to a COMMIT is lost: the server has committed, and whoever asked is told nothing.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

SOCKET = ".s.PGSQL.5432"
READ_BYTES = 65_536


class Proxy:
    """`losing`: how likely an answer is lost. `counts`: "lost", by their number."""

    def __init__(self, server: Path, counts: Counter[str]) -> None:
        self.losing = 0.0
        self._server, self._counts = server, counts

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            server_reader, server_writer = await asyncio.open_unix_connection(str(self._server))
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.ensure_future(self._pass_on(reader, server_writer, answers=False)),
            asyncio.ensure_future(self._pass_on(server_reader, writer, answers=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, server_writer):
                end.close()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if answers and random.random() < self.losing:
                    self._counts["lost"] += 1
                    return
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxy(url: str, counts: Counter[str]) -> AsyncGenerator[tuple[str, Proxy]]:
    """The URL of the same database behind a proxy, and the proxy."""
    folder = url.partition("host=")[2].partition("&")[0]
    with TemporaryDirectory(prefix="perdure-proxy-") as own:
        cutter = Proxy(Path(folder, SOCKET), counts)
        server = await asyncio.start_unix_server(cutter.serve, path=str(Path(own, SOCKET)))
        try:
            yield url.replace(f"host={folder}", f"host={own}"), cutter
        finally:
            server.close()
