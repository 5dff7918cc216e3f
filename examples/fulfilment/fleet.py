"""The workers: so many at once, each in its place, where another one follows whoever is killed."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

from examples.fulfilment.children import ChildFailed, child, end_of
from examples.fulfilment.job import Job
from examples.fulfilment.screen import Screen


class Fleet:
    """Processes that work until the job is done."""

    def __init__(self, job: Job, screen: Screen, environment: Mapping[str, str], log: Path) -> None:
        self._job, self._screen, self._environment, self._log = job, screen, environment, log
        self._workers: list[Process] = []
        self._killed: set[int] = set()

    async def work(self, size: int) -> None:
        """Returns when the job is done and every worker has ended. Raises: ChildFailed, if one ended by itself."""
        async with asyncio.TaskGroup() as places:
            for _ in range(size):
                places.create_task(self._keep_working())

    async def kill_one(self) -> None:
        """SIGKILL for the worker that has lived longest, as soon as there is one."""
        while not self._workers:
            await asyncio.sleep(0.02)
        worker = self._workers.pop(0)
        self._killed.add(worker.pid)
        worker.kill()
        await worker.wait()
        blow = self._job.strike(f"worker {worker.pid}", "SIGKILL")
        self._screen.say(f"[bold red]{blow.victim} killed (SIGKILL), with {len(blow.open_runs)} runs open[/]")

    async def _keep_working(self) -> None:
        """One worker after the other."""
        while not self._job.done:
            async with child("examples.fulfilment.worker", log=self._log, environment=self._environment) as (worker, _):
                self._screen.say(f"worker {worker.pid} started")
                self._workers.append(worker)
                while worker.returncode is None and not self._job.done:
                    await asyncio.sleep(0.02)
                if worker.returncode is not None and worker.pid not in self._killed:
                    raise ChildFailed(f"worker {worker.pid} ended by itself:\n{end_of(self._log)}")
