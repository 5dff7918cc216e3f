"""Follows streams: page after page, then told by this process's own writers, or by the World's hints, or looking anyway.

A reader holds one page at a time, so a slow one costs no memory.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator

from perdure.codec.keyring import KeyRing
from perdure.engine.seal import open_chunk
from perdure.errors import DecodeError, RunNotFound, UsageError, WorldUnavailable
from perdure.model.ids import RunId
from perdure.world.stream import PAGE_BYTES, Chunk, StreamPage, StreamRecord
from perdure.world.world import World

PAGE = 1000
LOOK_EVERY_S = 1.0
logger = logging.getLogger("perdure")


class Readers:
    """Those of one process and loop."""

    def __init__(self, world: World, keys: KeyRing | None = None) -> None:
        self._world, self._keys = world, keys
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[RunId, list[asyncio.Event]] = {}
        self._unsubscribe: Callable[[], None] = lambda: None
        self._closed = False

    def stir(self, run_id: RunId) -> None:
        """A stream of this run has something new, or the run has ended."""
        for changed in self._waiting.get(run_id, ()):
            changed.set()

    def close(self) -> None:
        """Whoever still waits is told that nobody looks any more."""
        self._closed = True
        self._unsubscribe()
        self._stir_all()

    async def record(self, run_id: RunId, stream: str) -> StreamRecord:
        """Raises: RunNotFound, WorldError."""
        page = await self._world.streams.read(run_id, stream, 0, 0)
        if page is None:
            raise RunNotFound(run_id)
        return page.record

    async def check(self, run_id: RunId, stream: str, index: int) -> None:
        """For who can't take a promise back: whether the first chunk from there on, if there is one, can be read.

        Raises: PayloadLocked, DecodeError, WorldError.
        """
        page = await self._world.streams.read(run_id, stream, index, 1)
        if page is not None:
            all(self._opened(page))

    async def between(self, run_id: RunId, stream: str, first: int, after: int) -> list[Chunk]:
        """The chunks with these indexes, `after` not among them, as far as they are there; for a few.

        Raises: PayloadLocked, DecodeError, WorldError.
        """
        found: list[Chunk] = []
        while first < after:
            page = await self._world.streams.read(run_id, stream, first, after - first)
            if page is None or not page.chunks:
                break
            found += [chunk for chunks in self._opened(page) for chunk in chunks]
            first += len(page.chunks)
        return found

    async def pages(self, run_id: RunId, stream: str, start_index: int) -> AsyncGenerator[tuple[Chunk, ...]]:
        """The chunks from an index on (negative: so many from the tail), as they come, until the stream is closed.

        Raises: RunNotFound, UsageError for an index past the tail, PayloadLocked, DecodeError, WorldError where the first
        look fails.
        """
        record = await self.record(run_id, stream)
        index = record.index_of(start_index)
        if index > record.length:
            raise UsageError(f"start_index={index} is past the stream's end: it has {record.length} chunks so far")
        changed = asyncio.Event()
        self._listen(run_id, changed)
        try:
            while True:
                changed.clear()
                page = await self._page(run_id, stream, index)
                if page is not None and page.chunks:
                    for chunks in self._opened(page):
                        yield chunks
                        index += len(chunks)
                elif page is not None and page.record.closed:
                    return
                else:
                    await self._wait(changed)
        finally:
            self._stop_listening(run_id, changed)

    async def _page(self, run_id: RunId, stream: str, index: int) -> StreamPage | None:
        """None where the World is away: it is asked again."""
        if self._closed:
            raise WorldUnavailable("this process is closing its world")
        try:
            page = await self._world.streams.read(run_id, stream, index, PAGE)
        except WorldUnavailable as error:
            if self._closed:
                raise
            logger.warning("a stream of run %s could not be read, trying again: %s", run_id, error)
            return None
        if page is None:
            raise RunNotFound(run_id)
        return page

    def _opened(self, page: StreamPage) -> Iterator[tuple[Chunk, ...]]:
        """Its chunks, opened: as many together as a page may hold, for what was compressed may be large. Where one doesn't
        open, those before it come first."""
        opened: list[Chunk] = []
        size = 0
        for kept in page.chunks:
            try:
                chunk = open_chunk(page.record.run_id, page.record.stream, kept, self._keys)
            except DecodeError:
                if opened:
                    yield tuple(opened)
                raise
            size += len(chunk.data)
            if size > PAGE_BYTES and opened:
                yield tuple(opened)
                opened, size = [], len(chunk.data)
            opened.append(chunk)
        if opened:
            yield tuple(opened)

    async def _wait(self, changed: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(LOOK_EVERY_S):
                await changed.wait()
        except TimeoutError:
            pass

    def _listen(self, run_id: RunId, changed: asyncio.Event) -> None:
        if not self._waiting:
            self._unsubscribe = self._world.subscribe(self._hinted)
        self._waiting.setdefault(run_id, []).append(changed)

    def _stop_listening(self, run_id: RunId, changed: asyncio.Event) -> None:
        self._waiting[run_id].remove(changed)
        if not self._waiting[run_id]:
            del self._waiting[run_id]
        if not self._waiting:
            self._unsubscribe()

    def _hinted(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stir_all)

    def _stir_all(self) -> None:
        for run_id in self._waiting:
            self.stir(run_id)
