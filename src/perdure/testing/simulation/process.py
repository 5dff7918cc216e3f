"""The processes of a simulation: workers, which faults may kill and pause, and the one outsider that only asks."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, TypeVar

from perdure.api.connect import CONNECTION
from perdure.engine.engine import Engine
from perdure.engine.entropy import seeded
from perdure.engine.lease import Leasing
from perdure.engine.registry import Registry
from perdure.errors import WorldError
from perdure.model.ids import RunId, WorkerId
from perdure.replay.scope import Attempt
from perdure.testing.simulation.faults import Faults
from perdure.testing.simulation.ledger import Ledger, Written
from perdure.testing.simulation.loop import Died, ProcessLoop
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Universe
from perdure.testing.simulation.wire import Wire
from perdure.testing.simulation.world import FaultyWorld

T = TypeVar("T")
LEASE_MS = 2000
BOOT_AGAIN_S = 0.2
Job = Callable[[Engine], Awaitable[T]]


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What all processes of a simulation share. `trace` takes every call, with what happened to it."""

    universe: Universe
    store: Store
    faults: Faults
    ledger: Ledger
    trace: Callable[[str], None]


class Process:
    """One process: an event loop, a World, an engine. With `works` it owns and runs runs.

    `replaced`: another one has been promised its place already. `died` is called at its end. `queues`: those that it
    serves, None: all.
    """

    def __init__(
        self,
        around: Surroundings,
        name: str,
        registry: Registry,
        *,
        works: bool,
        skew_ms: int = 0,
        queues: frozenset[str] | None = None,
    ) -> None:
        self.queues = queues
        self.around, self.name, self.registry, self.works = around, name, registry, works
        self.stage = SimulatedStage(self)
        self.loop = ProcessLoop(around.universe, self)
        wire = Wire(around.store, around.universe, around.faults, self)
        self.world = FaultyWorld(around.store, wire, skew_ms)
        self.engine: Engine | None = None
        self.stopping = self.replaced = False
        self.died: Callable[[], None] = lambda: None
        self._seed = around.universe.random.getrandbits(32)
        self._callers: dict[asyncio.Future[Any], ProcessLoop] = {}
        self.loop.call_soon(self._boot)

    # -- life

    def _boot(self) -> None:
        leasing = Leasing(LEASE_MS, own_thread=False)
        self.engine = Engine(self.world, self.registry, entropy=seeded(self._seed), leasing=leasing)
        home: Any = self.loop.create_future()
        CONNECTION.engines[self.loop] = (self.engine, home)  # for the verbs that steps call
        if self.works:
            self.loop.create_task(self._work(self.engine))

    async def _work(self, engine: Engine) -> None:
        while not self.stopping:
            try:
                await engine.work(queues=self.queues)
                return
            except WorldError:
                await asyncio.sleep(BOOT_AGAIN_S)

    def die(self) -> None:
        """The end, at once: nothing of this process runs any more, whatever it asked for may still land."""
        if not self.loop.dead:
            self.loop.kill()
            self.around.trace(f"{self.around.universe.now_us} {self.name} dies")
            self.around.universe.after_ms(0, self.bury)
            self.died()

    def bury(self) -> None:
        """Throw away what the process was doing; whoever waited for it is told. When its loop is at rest."""
        worker = self.engine.worker if self.engine is not None else None
        if worker is not None:
            for run in list(worker.runs.values()):
                if run.body is not None:
                    run.body.put_away()
        CONNECTION.engines.pop(self.loop, None)
        self.loop.bury()
        if worker is not None:
            worker.runs.clear()
        for future, home in self._callers.items():
            home.call_soon(partial(_fail, future, Died()))
        self._callers.clear()

    async def stop(self, grace_s: float) -> None:
        """Drain, as on SIGTERM, then exit."""
        self.stopping = True
        await self.ask(lambda engine: engine.close(grace_s))
        self.die()

    # -- what others see

    @property
    def alive(self) -> bool:
        return not self.loop.dead

    @property
    def worker_id(self) -> WorkerId:
        assert self.engine is not None and self.engine.worker is not None, "only workers run steps"
        return self.engine.worker.worker_id

    def epoch_of(self, run_id: RunId) -> int | None:
        """In which epoch this worker holds the run, as far as it knows."""
        worker = self.engine.worker if self.engine is not None else None
        run = worker.runs.get(run_id) if worker is not None else None
        return None if run is None else run.outbox.epoch

    def fate_of(self, call: str) -> str:
        fate = self.around.faults.of_call(mortal=self.works)
        self.around.trace(f"{self.around.universe.now_us} {self.name} {call} {fate}")
        return fate

    async def ask(self, job: "Job[T]") -> T:
        """Have this process do something, from another process. Raises: what the job raises, Died."""
        if self.loop.dead:
            raise Died
        home: Any = asyncio.get_running_loop()
        future: asyncio.Future[T] = home.create_future()
        self._callers[future] = home
        self.loop.call_soon(self._do, job, future)
        return await future

    def _do(self, job: "Job[T]", future: "asyncio.Future[T]") -> None:
        assert self.engine is not None, "a process begins before it is asked for anything"
        task = self.loop.create_task(_done(job, self.engine))
        task.add_done_callback(partial(self._told, future))

    def _told(self, future: "asyncio.Future[T]", task: "asyncio.Task[T]") -> None:
        home = self._callers.pop(future, None)
        if home is None:
            return
        error = Died() if task.cancelled() else task.exception()
        if error is not None:
            home.call_soon(partial(_fail, future, error))
        else:
            home.call_soon(partial(_succeed, future, task.result()))


class SimulatedStage:
    """What the steps of a process stand on."""

    def __init__(self, process: Process) -> None:
        self._process, self._around = process, process.around

    @property
    def random(self) -> Random:
        return self._around.universe.random

    def begin(self, attempt: Attempt, told: tuple[str, ...]) -> int:
        run_id, step = attempt.holder, (attempt.step_id, attempt.step_name, attempt.attempt)
        self._around.ledger.begin(self._process.worker_id, self._process.epoch_of(run_id), run_id, step, told)
        return self._around.ledger.count(attempt.step_id)

    def fails(self) -> bool:
        return self._around.faults.happens("fail")

    def crash(self) -> None:
        self._around.faults.counts["kill"] += 1
        self._process.die()

    def chunk_name(self) -> str:
        return f"chunk {next(self._around.ledger.numbers)}"

    def write(self, attempt: Attempt, run_id: RunId, stream: str, data: bytes | None, *, kept: bool) -> Written:
        written = Written(
            run_id=run_id,
            stream=stream,
            data=data,
            writer=attempt.holder,
            step_id=attempt.step_id,
            attempt=attempt.attempt,
            worker_id=self._process.worker_id,
            epoch=self._process.epoch_of(attempt.holder),
            kept=kept,
        )
        self._around.ledger.written.append(written)
        return written

    def unwrite(self, written: Written) -> None:
        self._around.ledger.written.remove(written)

    def drained(self, written: Sequence[Written]) -> None:
        for one in written:
            one.drained = True


async def _done(job: Job[T], engine: Engine) -> T:
    return await job(engine)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _succeed(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)
