"""The workers of a scenario: real processes, each in its place, where another one follows whoever is gone.

They are forked from a process that has loaded all code: on a small machine, starting Python anew each second would be all
that it does.
"""

import asyncio
import multiprocessing
import os
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

from msgspec.structs import replace

from perdure.model.ids import RunId, WorkerId
from perdure.testing.history.stage import true_clock_ms
from perdure.world import Owned
from tests.faults.real.worker import Options, main

NURSERY = multiprocessing.get_context("forkserver")
NURSERY.set_forkserver_preload(["tests.faults.real.worker"])
DRAIN_S = 10.0
REBOOT_S = (0.0, 0.4)


@dataclass
class Worker:
    """A process that works."""

    process: ForkServerProcess
    worker_id: WorkerId
    frozen: bool = False

    @property
    def pid(self) -> int:
        assert self.process.pid is not None, "it has been started"
        return self.process.pid


@dataclass(frozen=True)
class Kill:
    """When a worker was killed, and what it owned, with the epochs."""

    worker_id: WorkerId
    at_ms: int
    owned: dict[RunId, int]


@dataclass
class Fleet:
    """`owned` asks the store what a worker owns. `skews_ms`: of the clocks of the workers; `queues`: what they serve, None:
    all. Both go by place, in turn."""

    options: Options
    size: int
    owned: Callable[[WorkerId], Awaitable[list[Owned]]]
    skews_ms: tuple[int, ...] = (0,)
    queues: tuple[tuple[str, ...] | None, ...] = (None,)
    workers: list[Worker] = field(default_factory=list[Worker])
    kills: list[Kill] = field(default_factory=list[Kill])
    frozen: dict[WorkerId, list[tuple[int, int]]] = field(default_factory=dict[WorkerId, list[tuple[int, int]]])
    ended: list[str] = field(default_factory=list[str])
    _places: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    def start(self) -> None:
        """Each place has a worker from now on."""
        self._places = [asyncio.create_task(self._keep(place)) for place in range(self.size)]

    async def stop(self) -> None:
        """Drain all, then end them."""
        for place in self._places:
            place.cancel()
        await asyncio.gather(*self._places, return_exceptions=True)

    async def anyone(self) -> Worker:
        """A worker that isn't frozen; waits for one."""
        while not (found := [worker for worker in self.workers if not worker.frozen]):
            await asyncio.sleep(0.02)
        return random.choice(found)

    async def kill(self, worker: Worker) -> None:
        """SIGKILL."""
        owned: list[Owned] = []
        with suppress(Exception):  # the store is away
            owned = await asyncio.wait_for(self.owned(worker.worker_id), 1)
        if worker in self.workers:
            self.workers.remove(worker)
            worker.process.kill()
            epochs = {one.run_id: one.epoch for one in owned}
            self.kills.append(Kill(worker.worker_id, true_clock_ms(), epochs))

    async def freeze(self, worker: Worker, for_s: float) -> None:
        """SIGSTOP, and later SIGCONT, if it still lives."""
        if worker not in self.workers:
            return
        worker.frozen, from_ms = True, true_clock_ms()
        os.kill(worker.pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(for_s)
        finally:
            self.frozen.setdefault(worker.worker_id, []).append((from_ms, true_clock_ms()))
            worker.frozen = False
            if worker in self.workers:
                os.kill(worker.pid, signal.SIGCONT)

    def drain(self, worker: Worker) -> None:
        """SIGTERM."""
        if worker in self.workers:
            self.workers.remove(worker)
            worker.process.terminate()

    async def _keep(self, place: int) -> None:
        skew_ms, queues = self.skews_ms[place % len(self.skews_ms)], self.queues[place % len(self.queues)]
        options = replace(self.options, skew_ms=skew_ms, queues=queues)
        while True:
            await self._one(options)
            await asyncio.sleep(random.uniform(*REBOOT_S))

    async def _one(self, options: Options) -> None:
        """One process, from its start to its end."""
        ours, theirs = NURSERY.Pipe()
        process = NURSERY.Process(target=main, args=(options, theirs), daemon=True)
        await asyncio.to_thread(process.start)
        theirs.close()
        ended, worker = _ended(process), None
        try:
            worker_id = await _told(ours, ended)
            if worker_id is not None:
                worker = Worker(process, worker_id)
                self.workers.append(worker)
            await asyncio.shield(ended)
            if process.exitcode not in (0, -signal.SIGKILL):
                self.ended.append(f"a worker ended by itself with {process.exitcode}")
        finally:
            if worker is not None and worker in self.workers:
                self.workers.remove(worker)
            await _end(process, ended)
            ours.close()


def _ended(process: ForkServerProcess) -> "asyncio.Future[None]":
    """Done when the process is gone."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def gone() -> None:
        loop.remove_reader(process.sentinel)
        process.join()
        if not ended.done():
            ended.set_result(None)

    loop.add_reader(process.sentinel, gone)
    return ended


async def _told(ours: Connection, ended: "asyncio.Future[None]") -> WorkerId | None:
    """The worker's id, as soon as it has one; None: it has ended before."""
    loop = asyncio.get_running_loop()
    there: asyncio.Future[None] = loop.create_future()
    loop.add_reader(ours.fileno(), lambda: there.done() or there.set_result(None))
    try:
        await asyncio.wait((there, ended), return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(ours.fileno())
    with suppress(EOFError, OSError):
        if there.done():
            return WorkerId(ours.recv())
    return None


async def _end(process: ForkServerProcess, ended: "asyncio.Future[None]") -> None:
    """Whatever happens: the process is gone afterwards."""
    if not ended.done():
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(ended), DRAIN_S)
    if not ended.done():
        process.kill()
        await ended
