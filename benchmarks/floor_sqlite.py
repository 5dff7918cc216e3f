"""The floor on SQLite: one thread writes, a transaction per batch (WAL, synchronous=FULL)."""

import contextlib
import queue
import threading
import time
from pathlib import Path

import apsw

from benchmarks.floor import Batch, Committer, Floor
from benchmarks.place import path_of

SCHEMA = """
create table if not exists events (run text, seq integer, payload blob, primary key (run, seq)) without rowid;
create table if not exists sleepers (run text primary key, wake_at_ms integer) without rowid;
"""


def connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)  # for a crew
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute(SCHEMA)
    return connection


class SqliteCommitter(Committer):
    add_event = "insert into events values (?, ?, ?)"
    add_sleeper = "insert into sleepers values (?, ?)"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.connection = connect(path)
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def write(self, batch: Batch) -> None:
        self._batches.put(batch)

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            self.connection.execute("begin immediate")
            for sql, values, _ in batch:
                self.connection.execute(sql, values)
            self.connection.execute("commit")
            self._loop.call_soon_threadsafe(self.committed, batch)

    async def close(self) -> None:
        self._batches.put(None)
        self._thread.join()
        self.connection.close()


class FloorSqlite(Floor):
    async def connect(self) -> SqliteCommitter:
        return SqliteCommitter(path_of(self.place))

    async def last(self) -> tuple[str, int]:
        with contextlib.closing(apsw.Connection(str(path_of(self.place)))) as reader:
            [row] = reader.execute("select run, seq from events order by run desc, seq desc limit 1")
        return row

    async def commits(self, count: int) -> list[float]:
        times_s: list[float] = []
        with contextlib.closing(connect(path_of(self.place))) as connection:
            for number in range(count):
                begun_at_s = time.perf_counter()
                connection.execute(SqliteCommitter.add_sleeper, (f"wrun_{number:026d}", 0))
                times_s.append(time.perf_counter() - begun_at_s)
        return times_s


SYSTEM = FloorSqlite
