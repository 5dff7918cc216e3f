"""One simulation: a store, some workers, clients with their runs, faults until a moment, then peace. A seed is a run.

The engine, the replay machine and the memory World are the real ones; time, the way to the store, and death are not.
"""

import asyncio
import os
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b

from perdure.engine.deployment import VARIABLE
from perdure.testing.simulation.client import Client, Story
from perdure.testing.simulation.ear import listening
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.faults import ALL, NONE, Faults, Rates, drawn
from perdure.testing.simulation.fleet import Fleet, deployments_of
from perdure.testing.simulation.ledger import Ledger
from perdure.testing.simulation.process import Process, Surroundings
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Spinning, Universe
from perdure.world import Append

LOOK_MS = 100
AFTERLIFE_MS = 700
PATIENCE_MS = 40_000
HEAL_MS = (1500, 9000)
STEPS_MS = (-300, 600)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the seed needn't draw. `programs`: those to draw from, or with `each` all of them, once.

    `rates`: of faults; None draws some kinds of those in `most`. `workers`: how many; None draws it. `quiet`: clients
    start at once, and leave their runs alone; one code version. `skewed`: workers' clocks may be off. `restarts`: how
    likely all workers are replaced at some moment. `appointed`: see `Faults`. `reboot_ms`: see `Fleet`.
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


class Simulation:
    """`run` it once."""

    def __init__(self, plan: Plan, seed: int) -> None:
        self._plan = plan
        self._universe = Universe(seed)
        self._random = self._universe.random
        rates = drawn(self._random, plan.most) if plan.rates is None else plan.rates
        heal_us = 0 if rates == NONE else self._random.randrange(*HEAL_MS) * 1000
        self._store = Store(self._universe, self._is_poison)
        self._faults = Faults(self._universe, rates, heal_us, plan.appointed)
        self._trace = blake2b(digest_size=8)
        self._around = Surroundings(
            universe=self._universe,
            store=self._store,
            faults=self._faults,
            ledger=Ledger(self._store),
            trace=self._note,
        )
        self._fleet = Fleet(self._around, plan.suite, skewed=plan.skewed, reboot_ms=plan.reboot_ms, gone=self._hear)
        self._stories: list[Story] = []
        self._clients: list[asyncio.Task[None]] = []
        self._mischief: list[str] = []
        self._forward_ms = self._back_ms = 0
        self._over_us: int | None = None

    def run(self) -> Evidence:
        """Let it happen."""
        with listening(self._mischief), _unnamed_deployments():
            try:
                self._begin()
                self._universe.run(self._faults.heal_us + PATIENCE_MS * 1000)
            except Spinning as error:
                self._mischief.append(f"spinning: {error}")
            finally:
                evidence = self._evidence()
                self._fleet.end()
        return evidence

    # -- the beginning

    def _begin(self) -> None:
        programs = self._draw_programs()
        self._stories = [Story(program=program) for program in programs]
        workers = self._plan.workers or self._random.choice((1, 2, 2, 2, 3))
        if workers > 1 and any(program.queued for program in programs):
            self._fleet.split = True
        for _ in range(workers):
            self._fleet.boot()
        self._fleet.outsider.loop.call_soon(self._begin_clients)
        if any(program.versions for program in programs) and not self._plan.quiet:
            self._fleet.plan_deploys()
        elif self._random.random() < self._plan.restarts:
            stopped = 0.5 if self._faults.rates.kill else 1.0
            self._universe.after_ms(self._random.uniform(200, 4000), partial(self._fleet.replace_all, stopped))
        if self._faults.heal_us:
            self._universe.after_ms(LOOK_MS, self._meddle)
        self._universe.after_ms(LOOK_MS, self._look)

    def _draw_programs(self) -> list[Program]:
        if self._plan.each:
            return list(self._plan.programs)
        return [self._random.choice(self._plan.programs) for _ in range(self._random.randrange(2, 6))]

    def _begin_clients(self) -> None:
        for number, story in enumerate(self._stories):
            client = Client(self._fleet, number, story, quiet=self._plan.quiet)
            self._clients.append(self._fleet.outsider.loop.create_task(client.live()))

    # -- what happens by itself

    def _meddle(self) -> None:
        """Ten times a second: a death at no particular moment, a step of the store's clock."""
        if self._faults.healed:
            return
        if self._fleet.workers and self._faults.happens("kill"):
            self._fleet.kill_one()
        if self._faults.happens("clock"):
            step_ms = self._random.randrange(*STEPS_MS)
            self._store.offset_ms += step_ms
            self._forward_ms += max(0, step_ms)
            self._back_ms += max(0, -step_ms)
        self._universe.after_ms(LOOK_MS, self._meddle)

    def _look(self) -> None:
        """Is everything over? Then a little longer: the dead may have something to say."""
        if self._over_us is None and self._is_over():
            self._over_us = self._universe.now_us + AFTERLIFE_MS * 1000
        if self._over_us is not None and self._universe.now_us >= self._over_us:
            self._universe.stopped = not any(worker.loop.paused for worker in self._fleet.workers)
        self._universe.after_ms(LOOK_MS, self._look)

    def _is_over(self) -> bool:
        begun = len(self._clients) == len(self._stories)
        if not self._fleet.deployed or not begun or not all(client.done() for client in self._clients):
            return False
        return all(run.status not in ("pending", "running") for run in self._store.runs())

    def _is_poison(self, append: Append) -> bool:
        """The store can't keep a completion of an indigestible run."""
        if not any(row.type == "step_completed" for row in append.rows):
            return False
        log = self._store.log(append.run_id)
        program = self._plan.suite.program(log.run.workflow) if log is not None else None
        return program is not None and program.indigestible

    def _note(self, line: str) -> None:
        self._trace.update(line.encode())

    # -- the end

    def _hear(self, process: Process) -> None:
        """What went wrong in a process, unasked."""
        for report in process.loop.reports:
            self._mischief.append(f"{process.name}: {report.get('message')}: {report.get('exception')!r}")
        process.loop.reports.clear()

    def _evidence(self) -> Evidence:
        for process in (*self._fleet.workers, self._fleet.outsider):
            self._hear(process)
        for number, client in enumerate(self._clients):
            error = client.exception() if client.done() and not client.cancelled() else None
            if error is not None:
                self._mischief.append(f"client {number}: {error!r}")
        logs = {run.run_id: log for run in self._store.runs() if (log := self._store.log(run.run_id)) is not None}
        for log in logs.values():
            for row in log.rows:
                self._note(f"{row.seq} {row.turn} {row.epoch} {row.type} {row.key} {row.at_ms} {row.payload!r}")
        calm_us = max(self._fleet.calm_us, self._faults.heal_us)
        return Evidence(
            suite=self._plan.suite,
            logs=logs,
            mail={run_id: self._store.mail(run_id) for run_id in logs},
            watched=self._store.watched,
            streams={run_id: self._store.streams(run_id) for run_id in logs},
            effects=self._around.ledger.effects,
            written=self._around.ledger.written,
            booked=self._store.booked,
            stories=self._stories,
            calm_ms=self._store.now_ms() - (self._universe.now_us - calm_us) // 1000,
            ended_ms=self._store.now_ms(),
            skew_ms=self._fleet.skew_ms,
            late_ms=self._fleet.skew_ms + self._forward_ms,
            back_ms=self._back_ms,
            version=self._fleet.version,
            versions=deployments_of(self._plan.suite),
            mischief=self._mischief,
            counts=self._faults.counts,
            calls=self._faults.calls,
            trace=self._trace.hexdigest(),
        )


def simulate(plan: Plan, seed: int) -> Evidence:
    """Run one simulation."""
    return Simulation(plan, seed).run()


@contextmanager
def _unnamed_deployments() -> Generator[None]:
    """Each version is a deployment of its own, whatever the environment says of this process's."""
    named = os.environ.pop(VARIABLE, None)
    try:
        yield
    finally:
        if named is not None:
            os.environ[VARIABLE] = named
