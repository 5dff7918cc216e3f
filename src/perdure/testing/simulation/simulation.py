"""One simulation: a store, some workers, clients with their runs, faults until a moment, then peace. A seed is a run.

The engine, the replay machine and the memory World are the real ones; time, the way to the store, and death are not.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from hashlib import blake2b
from random import Random

from perdure.engine.deployment import deployment_of
from perdure.engine.registry import Registry
from perdure.testing.simulation.client import Client, Story
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.faults import ALL, Faults, Rates, drawn
from perdure.testing.simulation.ledger import Ledger
from perdure.testing.simulation.loop import Died
from perdure.testing.simulation.process import Process, Surroundings
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Spinning, Universe
from perdure.world import Append

LOOK_MS = 100
AFTERLIFE_MS = 700
PATIENCE_MS = 25_000
SKEWS_MS = (0, 0, 0, -400, -40, 40, 400)
STEPS_MS = (-300, 600)
VERSIONS = 3
DEPLOYS = ((1, 2), (1, 0, 2), (1, 2, 0, 2))
logger = logging.getLogger("perdure")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the seed needn't draw. `programs`: those to draw from, or with `each` all of them, once.

    `quiet`: clients start at once, and leave their runs alone; one code version. `restarts`: how likely all workers are
    replaced at some moment. `appointed`: see `Faults`. `reboot_ms`: how long until
    another process takes a dead one's place.
    """

    suite: Suite
    programs: tuple[Program, ...]
    each: bool = False
    rates: Rates | None = None
    most: Rates = ALL
    workers: int | None = None
    quiet: bool = False
    skewed: bool = True
    restarts: float = 0.3
    appointed: tuple[int, str] | None = None
    reboot_ms: tuple[int, int] = (50, 2500)


@cache
def _registry(suite: Suite, version: int) -> Registry:
    return suite.registry(version)


@cache
def _deployment(suite: Suite, version: int) -> str:
    return deployment_of(_registry(suite, version))


@dataclass
class _Clock:
    """How far clocks were off: any process's, and (summed up) the store's steps, forward and back."""

    skew_ms: int = 0
    stepped_ms: int = 0
    back_ms: int = 0


class Simulation:
    """`run` it once."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self.plan = plan
        self.universe = Universe(seed)
        self.random: Random = self.universe.random
        rates = drawn(self.random, plan.most) if plan.rates is None else plan.rates
        heal_us = 0 if rates == Rates() else self.random.randrange(1_500_000, 9_000_000)
        self.store = Store(self.universe, self._is_poison)
        self.faults = Faults(self.universe, rates, heal_us, plan.appointed)
        self.ledger = Ledger(self.store)
        self.processes: list[Process] = []
        self.stories: list[Story] = []
        self.version = 0
        self.deployed = True
        self._clock = _Clock()
        self._trace = blake2b(digest_size=8)
        self._around = Surroundings(
            universe=self.universe, store=self.store, faults=self.faults, ledger=self.ledger, trace=self._note
        )
        self._mischief: list[str] = []
        self._clients: list[asyncio.Task[None]] = []
        self._outsider = Process(self._around, "outsider", Registry(), works=False)
        self._over_us: int | None = None
        self._calm_us = 0
        self._booted = 0

    # -- what clients see (Fleet)

    def anyone(self) -> Process:
        alive = [process for process in self.processes if process.alive and process.engine is not None]
        return self.random.choice([*alive, self._outsider])

    def now_ms(self) -> int:
        return self.store.now_ms()

    # -- one run

    def run(self) -> Evidence:
        """Let it happen."""
        with _listening(self._mischief):
            try:
                self._begin()
                self.universe.run(self.faults.heal_us + PATIENCE_MS * 1000)
            except Spinning as error:
                self._mischief.append(f"spinning: {error}")
            finally:
                evidence = self._evidence()
                self._end()
        return evidence

    def _begin(self) -> None:
        programs = self._draw_programs()
        self.stories = [Story(program=program) for program in programs]
        for _ in range(self.plan.workers or self.random.choice((1, 2, 2, 2, 3))):
            self.boot()
        self._outsider.loop.call_soon(self._begin_clients)
        rates = self.faults.rates
        if any(program.versions for program in programs) and not self.plan.quiet:
            self.deployed = False
            self._plan_deploys()
        elif self.random.random() < self.plan.restarts:
            self.universe.after_ms(self.random.uniform(200, 4000), partial(self._replace_all, 0.5 if rates.kill else 1))
        if self.faults.heal_us:
            self.universe.after_ms(LOOK_MS, self._meddle)
        self.universe.after_ms(LOOK_MS, self._look)

    def _draw_programs(self) -> list[Program]:
        if self.plan.each:
            return list(self.plan.programs)
        return [self.random.choice(self.plan.programs) for _ in range(self.random.randrange(2, 6))]

    def _begin_clients(self) -> None:
        loop = self._outsider.loop
        for number, story in enumerate(self.stories):
            client = Client(self, number, story, quiet=self.plan.quiet)
            self._clients.append(loop.create_task(client.live()))

    def boot(self) -> None:
        """Start a worker's process with the code of the day."""
        skew_ms = self.random.choice(SKEWS_MS) if self.plan.skewed else 0
        self._clock.skew_ms = max(self._clock.skew_ms, abs(skew_ms))
        self._booted += 1
        process = Process(
            self._around,
            f"worker{self._booted}",
            _registry(self.plan.suite, self.version),
            works=True,
            skew_ms=skew_ms,
        )
        process.died = partial(self._died, process)
        self.processes.append(process)

    def _died(self, process: Process) -> None:
        self.processes.remove(process)
        self._calm_us = self.universe.now_us
        self._hear(process)
        if not process.replaced:
            self.universe.after_ms(self.random.uniform(*self.plan.reboot_ms), self.boot)

    # -- deploys

    def _plan_deploys(self) -> None:
        at_ms, versions = self.random.uniform(200, 4000), self.random.choice(DEPLOYS)
        for number, version in enumerate(versions, 1):
            self.universe.after_ms(at_ms, partial(self._deploy, version, number == len(versions)))
            at_ms += self.random.uniform(100, 3000)

    def _deploy(self, version: int, last: bool) -> None:
        self.version, self.deployed = version, last
        self._replace_all(0.5)

    def _replace_all(self, stopped: float) -> None:
        """Every worker's process goes, some drained, the others killed; new ones come."""
        for process in list(self.processes):
            process.replaced = True
            if process.engine is not None and self.random.random() < stopped:
                grace_s = self.random.choice((0.0, 0.3))
                self._outsider.loop.create_task(_stopped(process, grace_s))
            else:
                self.faults.counts["kill"] += 1
                process.die()
            self.universe.after_ms(self.random.uniform(1, 500), self.boot)

    # -- what happens by itself

    def _meddle(self) -> None:
        """Ten times a second: a death at no particular moment, a step of the store's clock."""
        if self.faults.healed:
            return
        if self.processes and self.faults.happens("kill"):
            self.random.choice(self.processes).die()
        if self.faults.happens("clock"):
            step_ms = self.random.randrange(*STEPS_MS)
            self.store.offset_ms += step_ms
            self._clock.stepped_ms += max(0, step_ms)
            self._clock.back_ms += max(0, -step_ms)
        self.universe.after_ms(LOOK_MS, self._meddle)

    def _look(self) -> None:
        """Is everything over? Then a little longer: the dead may have something to say."""
        if self._over_us is None and self._is_over():
            self._over_us = self.universe.now_us + AFTERLIFE_MS * 1000
        if self._over_us is not None and self.universe.now_us >= self._over_us:
            self.universe.stopped = not any(process.loop.paused for process in self.processes)
        self.universe.after_ms(LOOK_MS, self._look)

    def _is_over(self) -> bool:
        if not self.deployed or len(self._clients) < len(self.stories) or not all(map(_is_done, self._clients)):
            return False
        return all(run.status not in ("pending", "running") for run in self.store.runs())

    def _is_poison(self, append: Append) -> bool:
        """The store can't keep a completion of an indigestible run."""
        log = self.store.log(append.run_id)
        if log is None or not any(row.type == "step_completed" for row in append.rows):
            return False
        names = {program.name for program in self.plan.programs if program.indigestible}
        return log.run.workflow in names

    def _note(self, line: str) -> None:
        self._trace.update(line.encode())

    # -- the end

    def _evidence(self) -> Evidence:
        logs = {run.run_id: log for run in self.store.runs() if (log := self.store.log(run.run_id)) is not None}
        for process in (*self.processes, self._outsider):
            self._hear(process)
        for log in logs.values():
            for row in log.rows:
                self._note(f"{row.seq} {row.turn} {row.epoch} {row.type} {row.key} {row.at_ms} {row.payload!r}")
        return Evidence(
            suite=self.plan.suite,
            logs=logs,
            mail={run_id: self.store.mail(run_id) for run_id in logs},
            watched=self.store.watched,
            effects=self.ledger.effects,
            stories=self.stories,
            calm_ms=self.store.now_ms() - (self.universe.now_us - max(self._calm_us, self.faults.heal_us)) // 1000,
            ended_ms=self.store.now_ms(),
            late_ms=self._clock.skew_ms + self._clock.stepped_ms,
            back_ms=self._clock.back_ms,
            skew_ms=self._clock.skew_ms,
            version=self.version,
            versions={_deployment(self.plan.suite, version): version for version in range(VERSIONS)},
            mischief=self._mischief,
            counts=self.faults.counts,
            calls=self.faults.calls,
            trace=self._trace.hexdigest(),
        )

    def _hear(self, process: Process) -> None:
        """What went wrong in a process, unasked."""
        for report in process.loop.reports:
            self._mischief.append(f"{process.name}: {report.get('message')}: {report.get('exception')!r}")
        process.loop.reports.clear()

    def _end(self) -> None:
        for process in (*self.processes, self._outsider):
            process.died = lambda: None
            process.loop.kill()
            process.bury()


class _Ear(logging.Handler):
    """Hears of errors that perdure met in itself and survived; says nothing of faults, of which there are many."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info is not None and record.getMessage().startswith("perdure failed"):
            self._heard.append(f"{record.getMessage()}: {record.exc_info[1]!r}")


@contextmanager
def _listening(heard: list[str]) -> Iterator[None]:
    ear, before = _Ear(heard), (logger.level, logger.propagate)
    logger.addHandler(ear)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _is_done(task: "asyncio.Task[None]") -> bool:
    return task.done()


async def _stopped(process: Process, grace_s: float) -> None:
    """Drain a process; one that dies on the way is gone all the same."""
    try:
        await process.stop(grace_s)
    except Died:
        pass


def simulate(plan: Plan, seed: int) -> Evidence:
    """Run one simulation."""
    return Simulation(plan, seed).run()
