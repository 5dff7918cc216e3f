"""DBOS, set up as fast as we know how while each write is durable; what we tried is in docs/benchmarks.md.

Its SQLite file is in WAL mode, which DBOS keeps but doesn't choose, its steps are sync functions (DBOS runs async ones
with a thread hop per statement) wherever a workload allows it, few connections and threads, no telemetry, no logs.
"""

import asyncio
import os
import signal
import time
from concurrent.futures import Future
from typing import Any

import sqlalchemy
from dbos import DBOS

from benchmarks.place import store_of
from benchmarks.workload import Store

CONNECTIONS: dict[Store, int] = {"sqlite": 2, "postgres": 2}
THREADS_MAX = 4
TABLES: dict[Store, str] = {"sqlite": "", "postgres": "dbos."}

step_times_s: list[float] = []
dies_at: int | None = None
first_write_at_s = 0.0
next_step: Future[tuple[int, float]] = Future()


@DBOS.step()
def act(number: int) -> int:
    step_times_s.append(time.perf_counter())
    return number


@DBOS.workflow()
def sequence(steps: int) -> int:
    for number in range(steps):
        act(number)
    return steps


@DBOS.step()
async def act_at_once(number: int) -> int:
    return number


@DBOS.workflow()
async def parallel(steps: int) -> int:
    return len(await asyncio.gather(*(act_at_once(number) for number in range(steps))))


@DBOS.workflow()
async def nap() -> None:
    await DBOS.sleep_async(3600)


@DBOS.workflow()
def waits() -> int:
    return DBOS.recv(timeout_seconds=60)


@DBOS.step()
def write(chunks: int) -> None:
    global first_write_at_s
    chunk = "x" * 100
    first_write_at_s = time.perf_counter()
    for _ in range(chunks):
        DBOS.write_stream("default", chunk)


@DBOS.workflow()
def written(chunks: int) -> None:
    write(chunks)


@DBOS.step()
def act_or_die(number: int) -> int:
    if number == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if dies_at is None and not next_step.done():
        next_step.set_result((number, time.perf_counter()))
    return number


@DBOS.workflow()
def interrupted(steps: int) -> int:
    for number in range(steps + 1):
        act_or_die(number)
    return steps


class PeerDbos:
    """Keeps to `benchmarks.system.System`."""

    def __init__(self, place: str) -> None:
        self.step_times_s = step_times_s
        self._place = place
        self._store: Store = store_of(place)
        self._runner = asyncio.Runner()  # never closed: that would cancel the runs that sleep in it
        self._sleeps_started = 0

    def open(self, crew: int = 0) -> None:
        assert not crew, "W9 is not measured"
        if self._store == "sqlite":
            self._query("pragma journal_mode = wal")  # kept in the file; synchronous is FULL by default
        DBOS(
            config={
                "name": "benchmarks",
                "system_database_url": self._place,
                "sys_db_pool_size": CONNECTIONS[self._store],
                "db_engine_kwargs": {"pool_timeout": 600},  # else a crowd of runs fails instead of waiting
                "max_executor_threads": THREADS_MAX,
                "application_version": "1",
                "enable_otlp": False,
                "log_level": "ERROR",
            }
        )
        DBOS.launch()

    def close(self) -> None:
        DBOS.destroy()

    def member(self) -> None:
        raise AssertionError("W9 is not measured")

    def sequence(self, steps: int) -> None:
        assert DBOS.start_workflow(sequence, steps).get_result() == steps

    def one_by_one(self, runs: int) -> list[float]:
        times_s: list[float] = []
        for _ in range(runs):
            begun_at_s = time.perf_counter()
            self.sequence(1)
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    def many(self, runs: int, steps: int) -> None:
        handles = [DBOS.start_workflow(sequence, steps) for _ in range(runs)]
        for handle in handles:
            assert handle.get_result() == steps

    def parallel(self, steps: int) -> None:
        assert DBOS.start_workflow(parallel, steps).get_result() == steps

    def signals(self, runs: int) -> list[float]:
        times_s: list[float] = []
        for number in range(runs):
            handle = DBOS.start_workflow(waits)
            begun_at_s = time.perf_counter()
            DBOS.send(handle.workflow_id, number)
            assert handle.get_result() == number
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    def stream(self, chunks: int) -> tuple[float, float]:
        handle = DBOS.start_workflow(written, chunks)
        first_at_s, count = 0.0, 0
        for _ in DBOS.read_stream(handle.workflow_id, "default"):
            first_at_s = first_at_s or time.perf_counter()
            count += 1
        assert count == chunks
        return first_at_s - first_write_at_s, time.perf_counter() - first_write_at_s

    def sleepers(self, runs: int) -> float:
        self._runner.run(self._sleepers(runs))
        return time.perf_counter()

    def idle(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def doomed(self, steps: int) -> None:
        global dies_at
        dies_at = steps
        DBOS.start_workflow(interrupted, steps).get_result()

    def resume(self, steps: int) -> float:
        self.open()
        number, begun_at_s = next_step.result()
        assert number == steps
        return begun_at_s

    async def _sleepers(self, runs: int) -> None:
        await asyncio.gather(*(DBOS.start_workflow_async(nap) for _ in range(runs)))
        while self._sleeps_recorded() < self._sleeps_started + runs:
            await asyncio.sleep(0.05)
        self._sleeps_started += runs

    def _sleeps_recorded(self) -> int:
        table = f"{TABLES[self._store]}operation_outputs"
        return self._query(f"select count(*) from {table} where function_name = 'DBOS.sleep'")

    def _query(self, query: str) -> Any:
        """The one value that it finds."""
        engine = sqlalchemy.create_engine(self._place.replace("postgresql:", "postgresql+psycopg:"))
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(query)).scalar_one()
        engine.dispose()
        return found


SYSTEM = PeerDbos
