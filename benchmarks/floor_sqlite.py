"""The floor: the workloads' durable writes on SQLite and nothing else.

No replay, no ownership, no retries. A run is a row at its start, a row per step, and a row at its end, which shares
the commit of the last step. Each row is committed (WAL, synchronous=FULL) before the run goes on. One thread writes;
while it commits one batch, the next gathers.
"""

import asyncio
import contextlib
import os
import queue
import signal
import threading
import time
from pathlib import Path

import apsw

SCHEMA = """
create table if not exists events (run text, seq integer, payload blob, primary key (run, seq)) without rowid;
create table if not exists sleepers (run text primary key, wake_at_ms integer) without rowid;
"""
ADD_EVENT = "insert into events values (?, ?, ?)"
ADD_SLEEPER = "insert into sleepers values (?, ?)"
HOUR_MS = 3_600_000
CHUNK = b"x" * 100

Batch = list[tuple[str, tuple[object, ...], asyncio.Future[None]]]


def connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.pragma("journal_mode", "wal")
    connection.pragma("synchronous", "full")
    connection.execute(SCHEMA)
    return connection


class Committer:
    """Group commit: `await put(…)` returns when the row is durable."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.connection = connect(path)
        self._gathering: Batch = []
        self._busy = False
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()

    def put(self, sql: str, *values: object) -> asyncio.Future[None]:
        committed = self._loop.create_future()
        self._gathering.append((sql, values, committed))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._hand_over)  # soon, not now: whoever is ready gets into the same batch
        return committed

    def _hand_over(self) -> None:
        self._batches.put(self._gathering)
        self._gathering = []

    def _write(self) -> None:
        while (batch := self._batches.get()) is not None:
            self.connection.execute("begin immediate")
            for sql, values, _ in batch:
                self.connection.execute(sql, values)
            self.connection.execute("commit")
            self._loop.call_soon_threadsafe(self._committed, batch)

    def _committed(self, batch: Batch) -> None:
        for _, _, committed in batch:
            committed.set_result(None)
        self._busy = bool(self._gathering)
        if self._busy:
            self._loop.call_soon(self._hand_over)

    def close(self) -> None:
        self._batches.put(None)
        self._thread.join()
        self.connection.close()


class Runs:
    """Runs, as rows that are committed before they go on."""

    def __init__(self, committer: Committer, step_times_s: list[float]) -> None:
        self._committer, self._step_times_s = committer, step_times_s
        self._runs = 0

    async def run(self, steps: int, *, ends: bool = True) -> None:
        run = self.new_run()
        await self._committer.put(ADD_EVENT, run, 0, b'{"started": true}')
        for seq in range(1, steps):
            await self.add_step(run, seq)
        if ends:
            self.add_end(run, steps + 1)  # no await: it is in the batch of the last step
        await self.add_step(run, steps)

    async def one_by_one(self, runs: int) -> list[float]:
        times_s: list[float] = []
        for _ in range(runs):
            begun_at_s = time.perf_counter()
            await self.run(1)
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    async def many(self, runs: int, steps: int) -> None:
        await asyncio.gather(*(self.run(steps) for _ in range(runs)))

    async def parallel(self, steps: int) -> None:
        run = self.new_run()
        await self._committer.put(ADD_EVENT, run, 0, b'{"started": true}')
        self.add_end(run, steps + 1)
        await asyncio.gather(*(self.add_step(run, seq) for seq in range(1, steps + 1)))

    async def signals(self, runs: int) -> list[float]:
        """A row for the payload; another one, with the end, for the run that has got it."""
        times_s: list[float] = []
        for _ in range(runs):
            run = self.new_run()
            await self._committer.put(ADD_EVENT, run, 0, b'{"waits": true}')
            begun_at_s = time.perf_counter()
            await self._committer.put(ADD_EVENT, run, 1, b'{"payload": 1}')
            self.add_end(run, 3)
            await self.add_step(run, 2)
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    async def stream(self, chunks: int) -> tuple[float, float]:
        """A row per chunk; the client has a chunk when it is durable."""
        run, begun_at_s = self.new_run(), time.perf_counter()
        first, *others = [self._committer.put(ADD_EVENT, run, index, CHUNK) for index in range(chunks)]
        await first
        first_s = time.perf_counter() - begun_at_s
        await asyncio.gather(*others)
        return first_s, time.perf_counter() - begun_at_s

    async def sleepers(self, runs: int) -> None:
        wake_at_ms = int(time.time() * 1000) + HOUR_MS
        await asyncio.gather(*(self._committer.put(ADD_SLEEPER, self.new_run(), wake_at_ms) for _ in range(runs)))

    async def add_step(self, run: str, seq: int) -> None:
        await self._committer.put(ADD_EVENT, run, seq, b'{"result": 1}')
        self._step_times_s.append(time.perf_counter())

    def add_end(self, run: str, seq: int) -> None:
        self._committer.put(ADD_EVENT, run, seq, b'{"ended": true}')

    def new_run(self) -> str:
        self._runs += 1
        return f"wrun_{self._runs:026d}"


class FloorSqlite:
    """Keeps to `benchmarks.system.System`."""

    def __init__(self, folder: Path) -> None:
        self.step_times_s: list[float] = []
        self._path = folder / "floor.db"
        self._runner = asyncio.Runner()

    def open(self) -> None:
        self._committer = Committer(self._path, self._runner.get_loop())
        self._runs = Runs(self._committer, self.step_times_s)

    def close(self) -> None:
        self._committer.close()
        self._runner.close()

    def sequence(self, steps: int) -> None:
        self._runner.run(self._runs.run(steps))

    def one_by_one(self, runs: int) -> list[float]:
        return self._runner.run(self._runs.one_by_one(runs))

    def many(self, runs: int, steps: int) -> None:
        self._runner.run(self._runs.many(runs, steps))

    def parallel(self, steps: int) -> None:
        self._runner.run(self._runs.parallel(steps))

    def signals(self, runs: int) -> list[float]:
        return self._runner.run(self._runs.signals(runs))

    def stream(self, chunks: int) -> tuple[float, float]:
        return self._runner.run(self._runs.stream(chunks))

    def sleepers(self, runs: int) -> float:
        self._runner.run(self._runs.sleepers(runs))
        return time.perf_counter()

    def idle(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def doomed(self, steps: int) -> None:
        self._runner.run(self._runs.run(steps, ends=False))
        os.kill(os.getpid(), signal.SIGKILL)

    def resume(self, steps: int) -> float:
        self.open()
        with contextlib.closing(apsw.Connection(str(self._path))) as reader:
            events = list(reader.execute("select run, seq, payload from events order by run, seq"))
        run, seq, _ = events[-1]
        assert seq == steps
        self._runner.run(self._runs.add_step(run, seq + 1))
        return self.step_times_s[-1]


SYSTEM = FloorSqlite
