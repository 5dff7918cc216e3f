"""The floor: the workloads' durable writes and nothing else. What it writes them to is in `floor_sqlite`, `floor_postgres`.

No replay, no ownership, no retries. A run is a row at its start, a row per step, and a row at its end, which shares
the commit of the last step. Each row is committed before the run goes on. While one batch is committed the next gathers.
"""

import abc
import asyncio
import os
import signal
import sys
import time

from benchmarks.crew import Crew, ready

HOUR_MS = 3_600_000
CHUNK = b"x" * 100

Batch = list[tuple[str, tuple[object, ...], asyncio.Future[None]]]


class Committer(abc.ABC):
    """Group commit: what `put` gives back is done when the row is durable."""

    add_event: str
    add_sleeper: str

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._gathering: Batch = []
        self._busy = False

    def put(self, sql: str, *values: object) -> asyncio.Future[None]:
        committed = self._loop.create_future()
        self._gathering.append((sql, values, committed))
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._hand_over)  # soon, not now: whoever is ready gets into the same batch
        return committed

    @abc.abstractmethod
    def write(self, batch: Batch) -> None:
        """Begin to commit it all at once; `committed` is to be called when that is done."""

    @abc.abstractmethod
    async def close(self) -> None: ...

    def committed(self, batch: Batch) -> None:
        for _, _, committed in batch:
            committed.set_result(None)
        self._busy = bool(self._gathering)
        if self._busy:
            self._loop.call_soon(self._hand_over)

    def _hand_over(self) -> None:
        batch, self._gathering = self._gathering, []
        self.write(batch)


class Runs:
    """Runs, as rows that are committed before they go on."""

    def __init__(self, committer: Committer, step_times_s: list[float]) -> None:
        self._committer, self._step_times_s = committer, step_times_s
        self._runs = 0

    async def run(self, steps: int, *, ends: bool = True) -> None:
        run = self.new_run()
        await self._add(run, 0, b'{"started": true}')
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
        await self._add(run, 0, b'{"started": true}')
        self.add_end(run, steps + 1)
        await asyncio.gather(*(self.add_step(run, seq) for seq in range(1, steps + 1)))

    async def signals(self, runs: int) -> list[float]:
        """A row for the payload; another one, with the end, for the run that has got it."""
        times_s: list[float] = []
        for _ in range(runs):
            run = self.new_run()
            await self._add(run, 0, b'{"waits": true}')
            begun_at_s = time.perf_counter()
            await self._add(run, 1, b'{"payload": 1}')
            self.add_end(run, 3)
            await self.add_step(run, 2)
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    async def stream(self, chunks: int) -> tuple[float, float]:
        """A row per chunk; the client has a chunk when it is durable."""
        run, begun_at_s = self.new_run(), time.perf_counter()
        first, *others = [self._add(run, index, CHUNK) for index in range(chunks)]
        await first
        first_s = time.perf_counter() - begun_at_s
        await asyncio.gather(*others)
        return first_s, time.perf_counter() - begun_at_s

    async def sleepers(self, runs: int) -> None:
        wake_at_ms, add = int(time.time() * 1000) + HOUR_MS, self._committer.add_sleeper
        await asyncio.gather(*(self._committer.put(add, self.new_run(), wake_at_ms) for _ in range(runs)))

    async def add_step(self, run: str, seq: int) -> None:
        await self._add(run, seq, b'{"result": 1}')
        self._step_times_s.append(time.perf_counter())

    def add_end(self, run: str, seq: int) -> None:
        self._add(run, seq, b'{"ended": true}')

    def new_run(self) -> str:
        self._runs += 1
        return f"wrun_{os.getpid():010d}{self._runs:016d}"

    def _add(self, run: str, seq: int, payload: bytes) -> asyncio.Future[None]:
        return self._committer.put(self._committer.add_event, run, seq, payload)


class Floor(abc.ABC):
    """Keeps to `benchmarks.system.System`."""

    def __init__(self, place: str) -> None:
        self.step_times_s: list[float] = []
        self.place = place
        self._runner = asyncio.Runner()
        self._crew: Crew | None = None

    @abc.abstractmethod
    async def connect(self) -> Committer: ...

    @abc.abstractmethod
    async def last(self) -> tuple[str, int]:
        """The run of the last event, and its seq."""

    @abc.abstractmethod
    async def commits(self, count: int) -> list[float]:
        """One row, one commit, by one connection that does nothing else: how long each takes, in seconds."""

    def open(self, crew: int = 0) -> None:
        self._committer = self._runner.run(self.connect())
        self._runs = Runs(self._committer, self.step_times_s)
        self._crew = Crew("floor", self.place, crew) if crew else None

    def close(self) -> None:
        if self._crew is not None:
            self._crew.close()
        self._runner.run(self._committer.close())
        self._runner.close()

    def member(self) -> None:
        self.open()
        ready()
        for line in sys.stdin:
            runs, steps = line.split()
            self.many(int(runs), int(steps))
            ready()
        self.close()

    def one_commit_each(self, count: int) -> list[float]:
        return asyncio.run(self.commits(count))

    def sequence(self, steps: int) -> None:
        self._runner.run(self._runs.run(steps))

    def one_by_one(self, runs: int) -> list[float]:
        return self._runner.run(self._runs.one_by_one(runs))

    def many(self, runs: int, steps: int) -> None:
        if self._crew is None:
            self._runner.run(self._runs.many(runs, steps))
        else:
            self._crew.tell(f"{runs // self._crew.size} {steps}")

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
        run, seq = self._runner.run(self.last())
        assert seq == steps
        self._runner.run(self._runs.add_step(run, seq + 1))
        return self.step_times_s[-1]
