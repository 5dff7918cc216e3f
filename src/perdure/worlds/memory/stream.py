"""Streams: chunks numbered as they come, and closed at the latest by the end of their run."""

import threading

from msgspec.structs import replace

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import Append, Chunk, NewChunks, StreamPage, StreamRecord
from perdure.world.stream import PAGE_BYTES
from perdure.worlds.memory.state import Draft, State, Stream

NOTHING = Stream()


def write(draft: Draft, append: Append) -> tuple[int, ...]:
    """Add what the append brings; the places of what was refused."""
    return tuple(place for place, new in enumerate(append.chunks) if not _write(draft, append.run_id, new))


def _write(draft: Draft, writer: RunId, new: NewChunks) -> bool:
    run, stream = draft.runs.get(new.run_id), draft.streams.get(new.run_id, {}).get(new.stream, NOTHING)
    alive = new.run_id == writer or (run is not None and run.record.status not in ENDED)
    if stream.closed or not alive:
        return False
    chunks = tuple(
        Chunk(index=index, data=data, step_id=new.step_id, attempt=new.attempt)
        for index, data in enumerate(new.data, len(stream.chunks))
    )
    draft.put_stream(new.run_id, new.stream, Stream(chunks=stream.chunks + chunks, closed=new.close))
    return True


def close_all(draft: Draft, run_id: RunId) -> None:
    """The run has ended."""
    for name, stream in draft.streams.get(run_id, {}).items():
        if not stream.closed:
            draft.put_stream(run_id, name, replace(stream, closed=True, by_end=True))


def reopen(draft: Draft, run_id: RunId) -> None:
    """The run goes on after its end."""
    for name, stream in draft.streams.get(run_id, {}).items():
        if stream.by_end:
            draft.put_stream(run_id, name, replace(stream, closed=False, by_end=False))


class MemoryStreams:
    """Streams, for their readers."""

    def __init__(self, state: State, lock: threading.Lock) -> None:
        self._state, self._lock = state, lock

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        with self._lock:
            run, found = self._state.runs.get(run_id), self._state.streams.get(run_id, {}).get(stream)
        if run is None:
            return None
        closed = run.record.status in ENDED if found is None else found.closed
        chunks = () if found is None else found.chunks
        record = StreamRecord(run_id=run_id, stream=stream, length=len(chunks), closed=closed)
        return StreamPage(record=record, chunks=_page(chunks[from_index : from_index + limit]))

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        with self._lock:
            known = self._state.streams.get(run_id, {})
        return tuple(
            StreamRecord(run_id=run_id, stream=name, length=len(known[name].chunks), closed=known[name].closed)
            for name in sorted(known)
        )


def _page(chunks: tuple[Chunk, ...]) -> tuple[Chunk, ...]:
    """As many as a page holds."""
    size = 0
    for place, chunk in enumerate(chunks, 1):
        size += len(chunk.data)
        if size >= PAGE_BYTES:
            return chunks[:place]
    return chunks
