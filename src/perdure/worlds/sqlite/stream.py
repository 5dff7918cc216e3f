"""Streams: chunks numbered as they come, and closed at the latest by the end of their run."""

from perdure.model.ids import RunId
from perdure.model.status import ENDED
from perdure.world import Append, Chunk, NewChunks, StreamPage, StreamRecord
from perdure.world.stream import PAGE_BYTES
from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.store import Store
from perdure.worlds.sqlite.transaction import Transaction

_OPEN, _CLOSED, _CLOSED_BY_END = 0, 1, 2

_FIND = """
    SELECT status, id, streams.length, closed FROM runs
    LEFT JOIN streams ON streams.run_id = runs.run_id AND stream = ?2
    WHERE runs.run_id = ?1
"""
_MAKE = "INSERT INTO streams (run_id, stream) VALUES (?, ?) RETURNING id"
_ADVANCE = "UPDATE streams SET length = ?, closed = ? WHERE id = ?"
_SET_ALL = "UPDATE streams SET closed = ? WHERE run_id = ? AND closed = ?"
_INSERT = "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)"
_READ = "SELECT idx, data, step_id, attempt FROM chunks WHERE stream_id = ? AND idx >= ? ORDER BY idx LIMIT ?"
_LIST = "SELECT stream, length, closed FROM streams WHERE run_id = ? ORDER BY stream"


def write(transaction: Transaction, append: Append) -> tuple[int, ...]:
    """Add what the append brings; the places of what was refused."""
    return tuple(place for place, new in enumerate(append.chunks) if not _write(transaction, append.run_id, new))


def _write(transaction: Transaction, writer: RunId, new: NewChunks) -> bool:
    connection = transaction.connection
    found = connection.execute(_FIND, (new.run_id, new.stream)).fetchall()
    if not found:
        return False
    [[status, stream_id, length, closed]] = found
    if closed or (status in ENDED and new.run_id != writer):  # the writer itself is alive: a seizure makes it run again
        return False
    if stream_id is None:
        [[stream_id]] = connection.execute(_MAKE, (new.run_id, new.stream)).fetchall()
        length = 0
    rows = ((stream_id, index, data, new.step_id, new.attempt) for index, data in enumerate(new.data, length))
    connection.executemany(_INSERT, rows)
    connection.execute(_ADVANCE, (length + len(new.data), _CLOSED if new.close else _OPEN, stream_id))
    return True


def close_all(transaction: Transaction, run_id: RunId) -> None:
    """The run has ended."""
    transaction.connection.execute(_SET_ALL, (_CLOSED_BY_END, run_id, _OPEN))


def reopen(transaction: Transaction, run_id: RunId) -> None:
    """The run goes on after its end."""
    transaction.connection.execute(_SET_ALL, (_OPEN, run_id, _CLOSED_BY_END))


class SqliteStreams:
    """Streams, for their readers."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await self._store.read(_read, run_id, stream, from_index, limit)

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return await self._store.read(_list, run_id)


def _read(connection: Connection, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
    connection.execute("BEGIN")  # one snapshot for both
    found = connection.execute(_FIND, (run_id, stream)).fetchall()
    if not found:
        return None
    [[status, stream_id, length, closed]] = found
    is_closed = status in ENDED if stream_id is None else bool(closed)
    record = StreamRecord(run_id=run_id, stream=stream, length=length or 0, closed=is_closed)
    chunks: list[Chunk] = []
    size = 0
    for index, data, step_id, attempt in connection.execute(_READ, (stream_id, from_index, limit)):
        chunks.append(Chunk(index=index, data=data, step_id=step_id, attempt=attempt))
        size += len(data)
        if size >= PAGE_BYTES:
            break
    return StreamPage(record=record, chunks=tuple(chunks))


def _list(connection: Connection, run_id: RunId) -> tuple[StreamRecord, ...]:
    return tuple(
        StreamRecord(run_id=run_id, stream=stream, length=length, closed=bool(closed))
        for stream, length, closed in connection.execute(_LIST, (run_id,))
    )
