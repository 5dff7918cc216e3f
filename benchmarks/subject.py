"""perdure itself, through its public names and with the settings that it has by itself."""

import asyncio
import os
import signal
import sys
import time
from typing import Literal

from benchmarks.crew import Crew, ready
from benchmarks.place import store_of
from perdure import (
    Run,
    RunInfo,
    close,
    configure,
    create_hook,
    get_writable,
    list_runs,
    resume_hook,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.cli.worker import spare_imports

step_times_s: list[float] = []
dies_at: int | None = None
first_write_at_s = 0.0
next_step: asyncio.Future[tuple[int, float]] | None = None


@step
async def act(number: int) -> int:
    step_times_s.append(time.perf_counter())
    return number


@workflow
async def sequence(steps: int) -> int:
    for number in range(steps):
        await act(number)
    return steps


@workflow
async def parallel(steps: int) -> int:
    return len(await asyncio.gather(*(act(number) for number in range(steps))))


@workflow
async def nap() -> None:
    await sleep("1h")


@workflow
async def waits(token: str) -> int:
    async with create_hook(int, token=token) as hook:
        return await hook


@step
async def write(chunks: int) -> None:
    global first_write_at_s
    out, chunk = get_writable(str), "x" * 98  # with its quotes, 100 bytes
    first_write_at_s = time.perf_counter()
    for _ in range(chunks):
        await out.write(chunk)


@workflow
async def written(chunks: int) -> None:
    await write(chunks)


@step
async def act_or_die(number: int) -> int:
    if number == dies_at:
        os.kill(os.getpid(), signal.SIGKILL)
    if next_step and not next_step.done():
        next_step.set_result((number, time.perf_counter()))
    return number


@workflow
async def interrupted(steps: int) -> int:
    for number in range(steps + 1):
        await act_or_die(number)
    return steps


def is_asleep(run: RunInfo) -> bool:
    return any(reason.kind == "sleep" for reason in run.waiting_for)


async def _sequence(steps: int) -> None:
    run = await start(sequence, steps)
    assert await run.result() == steps


async def _one_by_one(runs: int) -> list[float]:
    times_s: list[float] = []
    for _ in range(runs):
        begun_at_s = time.perf_counter()
        await _sequence(1)
        times_s.append(time.perf_counter() - begun_at_s)
    return times_s


async def _many(runs: int, steps: int) -> None:
    await asyncio.gather(*(_sequence(steps) for _ in range(runs)))


async def _parallel(steps: int) -> None:
    run = await start(parallel, steps)
    assert await run.result() == steps


async def _signals(runs: int) -> list[float]:
    times_s: list[float] = []
    for number in range(runs):
        run = await start(waits, f"w5:{number}")
        while not [hook async for hook in run.hooks()]:
            await asyncio.sleep(0)
        begun_at_s = time.perf_counter()
        await resume_hook(f"w5:{number}", number)
        assert await run.result() == number
        times_s.append(time.perf_counter() - begun_at_s)
    return times_s


async def _stream(chunks: int) -> tuple[float, float]:
    run = await start(written, chunks)
    first_at_s, count = 0.0, 0
    async for _ in run.readable(str):
        first_at_s = first_at_s or time.perf_counter()
        count += 1
    assert count == chunks
    return first_at_s - first_write_at_s, time.perf_counter() - first_write_at_s


async def _sleepers(runs: int) -> float:
    naps = await asyncio.gather(*(start(nap) for _ in range(runs)))
    await _asleep(naps[-1])
    asleep_at_s = time.perf_counter()
    if not all([is_asleep(run) async for run in list_runs(workflow=nap, limit=1000)]):
        for run in naps:  # the last to start wasn't the last to sleep: it is later than that
            await _asleep(run)
        asleep_at_s = time.perf_counter()
    return asleep_at_s


async def _asleep(run: Run[None]) -> None:
    while not is_asleep(await run.info()):
        await asyncio.sleep(0.01)


async def _doomed(steps: int) -> None:
    run = await start(interrupted, steps)
    await run.result()


async def _member() -> None:
    async with worker():
        ready()
        await asyncio.to_thread(sys.stdin.read)


async def _resume() -> tuple[int, float]:
    global next_step
    next_step = asyncio.get_running_loop().create_future()
    async with worker():
        return await next_step


class Subject:
    """Keeps to `benchmarks.system.System`."""

    def __init__(self, place: str) -> None:
        self.step_times_s = step_times_s
        self._place = place
        self._runner = asyncio.Runner()
        self._crew: Crew | None = None
        self._configure("auto")  # imports the store's driver, as the floor has by now; opens nothing

    def open(self, crew: int = 0) -> None:
        if crew:
            self._crew = Crew("perdure", self._place, crew)
            self._configure(False)

    def _configure(self, work: Literal["auto", False]) -> None:
        configure(
            world=self._place if store_of(self._place) == "sqlite" else f"{self._place}&migrate=1",
            work=work,
        )

    def close(self) -> None:
        self._runner.run(close())
        if self._crew is not None:
            self._crew.close()
        self._runner.close()

    def member(self) -> None:
        self.open()
        spare_imports()  # as `perdure worker` does
        self._runner.run(_member())
        self.close()

    def sequence(self, steps: int) -> None:
        self._runner.run(_sequence(steps))

    def one_by_one(self, runs: int) -> list[float]:
        return self._runner.run(_one_by_one(runs))

    def many(self, runs: int, steps: int) -> None:
        self._runner.run(_many(runs, steps))

    def parallel(self, steps: int) -> None:
        self._runner.run(_parallel(steps))

    def signals(self, runs: int) -> list[float]:
        return self._runner.run(_signals(runs))

    def stream(self, chunks: int) -> tuple[float, float]:
        return self._runner.run(_stream(chunks))

    def sleepers(self, runs: int) -> float:
        return self._runner.run(_sleepers(runs))

    def idle(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def doomed(self, steps: int) -> None:
        global dies_at
        dies_at = steps
        self._runner.run(_doomed(steps))

    def resume(self, steps: int) -> float:
        self.open()
        number, begun_at_s = self._runner.run(_resume())
        assert number == steps
        return begun_at_s


SYSTEM = Subject
