"""What a lab stands on: a World, its clock, the engines on it; put in the place of what `configure` sets, and taken away."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from perdure.api.connect import CONNECTION, keys
from perdure.api.info import run_info
from perdure.engine.log import read_log, to_events
from perdure.engine.registry import REGISTRY
from perdure.errors import UsageError
from perdure.model.ids import RunId
from perdure.testing.kit.answer import Answers
from perdure.testing.kit.engine import LabEngine
from perdure.testing.kit.failure import LabBusy
from perdure.testing.kit.patience import Patience
from perdure.testing.kit.spy import LabRegistry
from perdure.testing.kit.world import LabWorld

T = TypeVar("T")
STILL = 3
"""So many looks in a row find nothing: what is handed from one callback to the next isn't seen in between."""
QUICK = 50
PAUSE_S = 0.002
BUSY_S = 30.0
MOMENTS_MAX = 100_000


class Bench:
    """`patience_s`: how long, in real time, everything may rest before whoever waits in vain is told, and a step may run
    before time passes over it. `fakes`: see `LabRegistry`."""

    def __init__(self, world: LabWorld, fakes: dict[str, Callable[..., Any]], patience_s: float) -> None:
        self.world, self.clock = world, world.clock
        self.registry = LabRegistry(REGISTRY, fakes)
        self.patience = Patience(patience_s, self.state, self.standing)
        self.answers = Answers()
        world.registered = self.answers.look
        self._before: dict[str, Any] | None = None

    # -- in the place of what `configure` sets

    def install(self) -> None:
        """From now on every verb of this process finds this world. What was configured comes back with `remove`; of it, a
        lab has all but the world and `work`."""
        if self._before is not None:
            raise UsageError("this lab is open already")
        self._before = dict(vars(CONNECTION))
        vars(CONNECTION).update(lab=self, world=None, engines={}, _opening=WeakKeyDictionary())

    def remove(self) -> None:
        """Harmless to repeat."""
        before, self._before = self._before, None
        if before is not None:
            vars(CONNECTION).update(before)

    async def stop(self) -> None:
        """Nothing goes on here from now on: steps are cut off. Another verb begins anew."""
        for engine in self.engines():
            if engine.loop is asyncio.get_running_loop():
                engine.abandon()
        await CONNECTION.close(0)

    async def __aenter__(self) -> "Bench":
        self.install()
        try:
            await self.working()
        except BaseException:
            self.remove()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.stop()
        finally:
            self.remove()

    def engine(self) -> LabEngine:
        return LabEngine(self.world, self.registry, self.patience, CONNECTION.deployment or "")

    async def working(self) -> LabEngine:
        """This loop's, with a worker. Raises: UsageError where the lab isn't open."""
        if CONNECTION.lab is not self:
            raise UsageError("this lab isn't open: use it in its `async with` block, or as a fixture")
        engine = await CONNECTION.engine(work=True)
        assert isinstance(engine, LabEngine)
        return engine

    def engines(self) -> list[LabEngine]:
        """Those of all loops that still run."""
        known = [engine for engine, _ in CONNECTION.engines.values() if isinstance(engine, LabEngine)]
        return [engine for engine in known if engine.loop.is_running()]

    # -- rest

    async def state(self) -> tuple[str, int]:
        """What goes on (see `LabEngine.unrest`), and a number that grows with every event."""
        runs = await self.world.runs()
        progress = sum(run.length for run in runs)
        live = {worker.worker_id for worker in await self.world.workers() if worker.leased}
        engines = self.engines()
        found = [await elsewhere(engine, engine.unrest) for engine in engines]
        if (
            self.answers.busy
            or "perdure" in found
            or any(engine.cares_for(run, live) for engine in engines for run in runs)
        ):
            return "perdure", progress
        return ("steps" if "steps" in found else ""), progress

    async def settle(self, patience_s: float | None = None) -> bool:
        """Wait until nothing goes on; False: steps do, and nothing else has for as long as patience lasts.

        Raises: LabBusy.
        """
        loop = asyncio.get_running_loop()
        patience_s = self.patience.seconds if patience_s is None else patience_s
        begun = since = loop.time()
        still = looks = last = late = 0
        while not self.world.killed:
            self.answers.check()
            unrest, progress = await self.state()
            now, looks = loop.time(), looks + 1
            still = 0 if unrest else still + 1
            if still >= STILL:
                return True
            if unrest != "steps" or progress != last:
                since, last, late = now, progress, 0
            elif now - since >= patience_s:
                late += 1  # the machine may have stood still: what could go on gets a chance to do so
            if late >= STILL:
                return False
            if now - begun >= BUSY_S + patience_s:
                raise LabBusy("something goes on for ever: a workflow that asks for ever more, or a fault of perdure's")
            await asyncio.sleep(0 if looks < QUICK else PAUSE_S)
        return True

    # -- time

    async def next_ms(self) -> int | None:
        """When the next thing is due, later than now."""
        due = [at_ms for at_ms in (self.clock.next_ms(), await self.world.wake_ms()) if at_ms is not None]
        return min(due, default=None)

    def move(self, to_ms: int) -> None:
        """Let it be so late: what is due begins."""
        self.clock.move(to_ms)
        for engine in self.engines():
            engine.look()

    async def pass_until(self, to_ms: int) -> None:
        """Moment by moment, each come to rest before the next. Raises: LabBusy."""
        hung: int | None = None  # how far the logs were when steps were seen to hang: once is enough
        for _ in range(MOMENTS_MAX):
            progress = (await self.state())[1]
            rests = await self.settle(PAUSE_S if hung == progress else None)
            hung = None if rests else (await self.state())[1]
            due_ms = await self.next_ms()
            if self.clock.now_ms() >= to_ms:
                return
            self.move(to_ms if due_ms is None else min(due_ms, to_ms))
        raise LabBusy(f"something was due at {MOMENTS_MAX} moments: advance in smaller parts, or sleep longer")

    # -- in words

    async def standing(self, run_id: RunId) -> str:
        """What a run does."""
        log = await read_log(self.world, run_id)
        info = run_info(log.run, to_events(log, keys()), Any, self.world.now_ms(), True)
        if info.waiting_sentence:
            return f"it is {info.waiting_sentence}; now is {_text(self.world.now_ms())}"
        if info.error is not None:
            return f"it has failed with {info.error.type}: {info.error.message}"
        return f"it has {info.status}" if info.status == "completed" else f"it is {info.status}"


async def elsewhere(engine: LabEngine, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What the call comes to, on the engine's own loop."""
    if engine.loop is asyncio.get_running_loop():
        return await call()
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(), engine.loop))


def _text(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms // 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
