"""Streams: what `chunks_write` is told, and what readers see: a page, in one snapshot with the stream's row."""

from typing import Any

from perdure.model.ids import RunId, StepId
from perdure.model.status import ENDED
from perdure.world import Chunk, NewChunks, StreamPage, StreamRecord
from perdure.world.stream import PAGE_BYTES
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import read, write, write_optional

_READ = Call("SELECT * FROM perdure.read_page($1, $2, $3, $4, $5)")
_LIST = "SELECT stream, length, closed FROM perdure.streams WHERE run_id = $1::text ORDER BY stream"


def chunk_words(new: NewChunks, data: Data) -> dict[str, Any]:
    words: dict[str, Any] = {
        "run": write(new.run_id),
        "stream": write(new.stream),
        "first": data.put_all(new.data),
        "count": len(new.data),
        "step": write_optional(new.step_id),
        "attempt": new.attempt,
    }
    if new.close:
        words["close"] = True
    return words


class PostgresStreams:
    """Streams, for their readers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        row = await self._store.fetch_row(_READ, write(run_id), write(stream), from_index, limit, PAGE_BYTES)
        if row is None:
            return None
        status, length, closed, *columns = row
        is_closed = status in ENDED if closed is None else closed != 0
        record = StreamRecord(run_id=run_id, stream=stream, length=length or 0, closed=is_closed)
        chunks = tuple(
            Chunk(index=index, data=data, step_id=None if step is None else StepId(read(step)), attempt=attempt)
            for index, data, step, attempt in zip(*(column or () for column in columns), strict=True)
        )
        return StreamPage(record=record, chunks=chunks)

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return tuple(
            StreamRecord(run_id=run_id, stream=read(stream), length=length, closed=closed != 0)
            for stream, length, closed in await self._store.fetch(_LIST, write(run_id))
        )
