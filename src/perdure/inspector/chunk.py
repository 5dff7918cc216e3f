"""What is in a stream, page by page, as plain JSON."""

from dataclasses import dataclass
from typing import Any

from perdure.api.plain import plain_value
from perdure.api.records import Record
from perdure.api.stream import checked_namespace
from perdure.engine.engine import Engine
from perdure.engine.seal import open_chunk
from perdure.errors import DecodeError, PayloadLocked, RunNotFound
from perdure.inspector.redaction import redacted
from perdure.inspector.reference import run_named
from perdure.model.ids import RunId
from perdure.world.stream import Chunk


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkView(Record):
    """A chunk. `value` is plain JSON; `{"locked": why}` or `{"unreadable": why}` where it can't be read here."""

    index: int
    value: Any
    step_id: str | None
    attempt: int

    def as_json(self) -> dict[str, Any]:
        return {"index": self.index, "value": self.value, "stepId": self.step_id, "attempt": self.attempt}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkPage(Record):
    """Some chunks of a stream. `cursor`: the index to go on from, None at the tail; `tail_index` -1: it is empty."""

    items: tuple[ChunkView, ...]
    cursor: str | None
    tail_index: int
    closed: bool


async def list_chunks(engine: Engine, run: str, namespace: str | None, start_index: int, limit: int) -> ChunkPage:
    """From an index on; negative: so many from the tail. A page may end early, where its chunks are large.

    Raises: RunNotFound, UsageError.
    """
    run_id, stream = await run_named(engine, run), checked_namespace(namespace) or ""
    page = await engine.world.streams.read(run_id, stream, max(start_index, 0), limit if start_index >= 0 else 1)
    if page is not None and start_index < 0:
        first = page.record.index_of(start_index)
        page = await engine.world.streams.read(run_id, stream, first, limit)
    if page is None:
        raise RunNotFound(run_id)
    items = tuple(_opened(engine, stream, page.record.run_id, chunk) for chunk in page.chunks)
    further = items[-1].index + 1 if items else page.record.length
    return ChunkPage(
        items=items,
        cursor=str(further) if further < page.record.length else None,
        tail_index=page.record.length - 1,
        closed=page.record.closed,
    )


def chunk_view(chunk: Chunk) -> ChunkView:
    """Of a chunk that has been opened."""
    value = redacted(plain_value(chunk.data))
    return ChunkView(index=chunk.index, value=value, step_id=chunk.step_id, attempt=chunk.attempt)


def _opened(engine: Engine, stream: str, run_id: RunId, chunk: Chunk) -> ChunkView:
    try:
        return chunk_view(open_chunk(run_id, stream, chunk, engine.keys))
    except (DecodeError, ValueError) as error:
        why = error.reason if isinstance(error, DecodeError) else str(error)
        kind = "locked" if isinstance(error, PayloadLocked) else "unreadable"
        return ChunkView(index=chunk.index, value={kind: why}, step_id=chunk.step_id, attempt=chunk.attempt)
