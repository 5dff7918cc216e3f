"""perdure itself, through its public names and with the settings that it has by itself."""

import asyncio
import os
import signal
import time
from pathlib import Path

from perdure import Run, RunInfo, close, configure, list_runs, sleep, start, step, worker, workflow

step_times_s: list[float] = []
dies_at: int | None = None
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


class Subject:
    """Keeps to `benchmarks.system.System`."""

    def __init__(self, folder: Path) -> None:
        self.step_times_s = step_times_s
        self._url = f"sqlite:///{folder / 'perdure.db'}"
        self._runner = asyncio.Runner()

    def open(self) -> None:
        configure(world=self._url)

    def close(self) -> None:
        self._runner.run(close())
        self._runner.close()

    def sequence(self, steps: int) -> None:
        self._runner.run(self._sequence(steps))

    def one_by_one(self, runs: int) -> list[float]:
        return self._runner.run(self._one_by_one(runs))

    def many(self, runs: int, steps: int) -> None:
        self._runner.run(self._many(runs, steps))

    def parallel(self, steps: int) -> None:
        self._runner.run(self._parallel(steps))

    def sleepers(self, runs: int) -> float:
        return self._runner.run(self._sleepers(runs))

    def idle(self, seconds: float) -> None:
        self._runner.run(asyncio.sleep(seconds))

    def doomed(self, steps: int) -> None:
        global dies_at
        dies_at = steps
        self._runner.run(self._doomed(steps))

    def resume(self, steps: int) -> float:
        self.open()
        number, begun_at_s = self._runner.run(self._resume())
        assert number == steps
        return begun_at_s

    async def _sequence(self, steps: int) -> None:
        run = await start(sequence, steps)
        assert await run.result() == steps

    async def _one_by_one(self, runs: int) -> list[float]:
        times_s: list[float] = []
        for _ in range(runs):
            begun_at_s = time.perf_counter()
            await self._sequence(1)
            times_s.append(time.perf_counter() - begun_at_s)
        return times_s

    async def _many(self, runs: int, steps: int) -> None:
        await asyncio.gather(*(self._sequence(steps) for _ in range(runs)))

    async def _parallel(self, steps: int) -> None:
        run = await start(parallel, steps)
        assert await run.result() == steps

    async def _sleepers(self, runs: int) -> float:
        naps = await asyncio.gather(*(start(nap) for _ in range(runs)))
        await self._asleep(naps[-1])
        asleep_at_s = time.perf_counter()
        if not all([is_asleep(run) async for run in list_runs(workflow=nap, limit=1000)]):
            for run in naps:  # the last to start wasn't the last to sleep: it is later than that
                await self._asleep(run)
            asleep_at_s = time.perf_counter()
        return asleep_at_s

    async def _asleep(self, run: Run[None]) -> None:
        while not is_asleep(await run.info()):
            await asyncio.sleep(0.01)

    async def _doomed(self, steps: int) -> None:
        run = await start(interrupted, steps)
        await run.result()

    async def _resume(self) -> tuple[int, float]:
        global next_step
        next_step = asyncio.get_running_loop().create_future()
        async with worker():
            return await next_step


SYSTEM = Subject
