"""A scenario: real workers on a real store, clients with their runs, trouble for a while, then peace; and what the
checker says of it all."""

import asyncio
import random
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from perdure.api.connect import world_at
from perdure.engine.engine import Engine
from perdure.errors import WorldError
from perdure.model.ids import RunId
from perdure.testing.history.gather import Surroundings, gather
from perdure.testing.history.ledger import LedgerFile
from perdure.testing.history.stage import true_clock_ms
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.checker.wait import PROBATION_MS
from perdure.testing.simulation.client import Client, Story
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.program import Program
from perdure.world import RunFilter, World
from tests.faults.programs import PROGRAMS, SUITE
from tests.faults.real.arena import Arena, Server, arena_on_postgres, arena_on_sqlite, small_disk
from tests.faults.real.fleet import Fleet
from tests.faults.real.trouble import Trouble
from tests.faults.real.worker import FENCED, Options
from tests.worlds.postgres.server import mortal

T = TypeVar("T")
RUNNABLE = tuple(one for one in PROGRAMS if not (one.versions or one.crashes or one.indigestible))
"""Here all workers have one code, kill themselves not at all, and the store takes whatever it is given."""

PATIENCE_S = 240.0
SKEW_MS = 60
SLOW_MS = 4000
DISK_MB = 24


@contextmanager
def server_of_its_own() -> Generator[Server]:
    """A PostgreSQL that scenarios may crash, and starve."""
    with mortal("max_connections = 60") as (uri, restart):
        yield Server(uri=uri, restart=restart)


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`what`: a line for the scorecard. Clients start `runs`, no more than `at_once` of them at a time.

    `trouble` ends after `seconds`, or when all runs have ended. `parameters`: of the World's URL. `skews_ms`, `queues`: of
    the workers, see `Fleet`. `planted`: see `Options`; `spoil`: what is done to the store before the workers come;
    `between`: what stands between the clients and their World. `patience_s`: how long until all is over, after the
    trouble. `expected`: what is in those errors that workers should log.
    """

    name: str
    what: str
    trouble: tuple[Trouble, ...] = ()
    postgres: bool = True
    small_disk: bool = False
    programs: tuple[Program, ...] = RUNNABLE
    runs: int = 60
    at_once: int = 30
    workers: int = 3
    seconds: float = 15.0
    lease_ms: int = 3000
    parameters: dict[str, Any] = field(default_factory=dict[str, Any])
    skews_ms: tuple[int, ...] = (0,)
    queues: tuple[tuple[str, ...] | None, ...] = (None,)
    planted: str = ""
    spoil: Callable[[Arena], Awaitable[None]] | None = None
    between: Callable[[World], World] = lambda world: world
    patience_s: float = PATIENCE_S
    expected: str = "\0"


@dataclass(frozen=True, kw_only=True)
class Report:
    """`tried`: runs, and what trouble did. `takeovers_ms`: from the kill of each run's owner to its successor's claim;
    `resumptions_ms`: to the successor's first append."""

    scenario: Scenario
    evidence: Evidence | None
    tried: dict[str, int]
    violations: list[Violation]
    takeovers_ms: list[int]
    resumptions_ms: list[int]
    seconds: float
    log: str

    @property
    def told(self) -> str:
        return ", ".join(f"{count:,} {what}" for what, count in self.tried.items())

    def save(self, folder: Path) -> Path:
        """Everything about the runs that broke a rule, for whoever looks into it; the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.scenario.name}-{true_clock_ms()}.txt"
        parts = [str(violation) for violation in self.violations]
        for run_id in sorted({one.run_id for one in self.violations if one.run_id}):
            log = self.evidence.logs.get(run_id) if self.evidence is not None else None
            if self.evidence is not None and log is not None:
                parts += ["", str(log.run), *(str(row) for row in log.rows)]
                parts += [str(effect) for effect in self.evidence.effects_of.get(run_id, ())]
                parts += [str(written) for written in self.evidence.written_to.get(run_id, ())]
                parts += [f"{name}: {page}" for name, page in self.evidence.streams[run_id].items()]
        path.write_text("\n".join([*parts, "", self.log]), encoding="utf-8")
        return path


class _Desk:
    """Whom clients ask (`perdure.testing.simulation.client.Fleet`): one engine without a worker, in this process."""

    def __init__(self, engine: Engine) -> None:
        self.random = random.Random()
        self.deployed = True
        self._engine = engine

    def anyone(self) -> "_Desk":
        return self

    def now_ms(self) -> int:
        return true_clock_ms()

    async def ask(self, job: Callable[[Engine], Awaitable[T]]) -> T:
        return await job(self._engine)


async def play(scenario: Scenario, server: Server | None) -> Report:
    """From an empty store to the verdict."""
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="perdure-chaos-")))
        if scenario.postgres:
            assert server is not None, "this scenario needs a server"
            opened = arena_on_postgres(folder, server, scenario.lease_ms, scenario.parameters)
        else:
            disk = stack.enter_context(small_disk(folder / "disk", DISK_MB)) if scenario.small_disk else None
            if scenario.small_disk and disk is None:
                return Report(
                    scenario=scenario,
                    evidence=None,
                    tried={"left out: this user may not mount a small disk": 1},
                    violations=[],
                    takeovers_ms=[],
                    resumptions_ms=[],
                    seconds=0,
                    log="",
                )
            opened = arena_on_sqlite(folder, scenario.lease_ms, disk)
        arena = await stack.enter_async_context(opened)
        one = _Play(scenario, arena)
        evidence = await one.go()
        violations = await asyncio.to_thread(check, evidence)
        tried = {
            "runs": len(evidence.logs),
            "events": sum(len(log.rows) for log in evidence.logs.values()),
            "attempts of steps": len(evidence.effects),
            **arena.counts,
        }
        log = arena.log.read_text(encoding="utf-8", errors="replace")
        if fenced := log.count(FENCED):
            tried["writes of former owners refused"] = fenced
        return Report(
            scenario=scenario,
            evidence=evidence,
            tried=tried,
            violations=violations,
            takeovers_ms=_takeovers_ms(arena.fleet, one.claims),
            resumptions_ms=_resumptions_ms(arena.fleet, evidence),
            seconds=time.monotonic() - began,
            log=log,
        )


class _Play:
    """One scenario in its arena."""

    def __init__(self, scenario: Scenario, arena: Arena) -> None:
        self._scenario, self._arena = scenario, arena
        self._stories = [
            Story(program=scenario.programs[number % len(scenario.programs)]) for number in range(scenario.runs)
        ]
        random.shuffle(self._stories)
        self._mischief: list[str] = []
        self._calm_ms = 0
        self.claims: Mapping[RunId, Sequence[tuple[int, int]]] = {}

    async def go(self) -> Evidence:
        scenario, arena = self._scenario, self._arena
        if scenario.spoil is not None:
            await scenario.spoil(arena)
        direct = world_at(arena.direct)
        world = world_at(arena.url)
        await direct.open()
        await world.open()
        arena.fleet = Fleet(
            options=Options(
                url=arena.url,
                ledger=str(arena.ledger),
                log=str(arena.log),
                lease_ms=scenario.lease_ms,
                planted=scenario.planted,
            ),
            size=scenario.workers,
            owned=direct.owned,
            skews_ms=scenario.skews_ms,
            queues=scenario.queues,
        )
        engine = Engine(scenario.between(world), SUITE.registry(0))  # a fork is tried on the code first
        ledger = LedgerFile(arena.ledger)
        arena.fleet.start()
        try:
            await self._live(engine, direct)
        finally:
            await arena.fleet.stop()
            await engine.close()
            await world.close()
        self._mischief += [*arena.fleet.ended, *_errors(arena.log, scenario.expected)]
        around = Surroundings(
            suite=SUITE,
            stories=self._stories,
            calm_ms=self._calm_ms,
            skew_ms=SKEW_MS,
            slow_ms=SLOW_MS,
            mischief=self._mischief,
            frozen=arena.fleet.frozen,
        )
        try:
            witness = await arena.witnessed()
            self.claims = witness.claims
            return await gather(direct, ledger, witness, around)
        finally:
            ledger.close()
            await direct.close()

    async def _live(self, engine: Engine, direct: World) -> None:
        """Until all is over, or our patience is."""
        scenario, arena = self._scenario, self._arena
        await arena.fleet.anyone()
        clients = asyncio.create_task(self._clients(engine))
        trouble = [asyncio.ensure_future(one(arena)) for one in scenario.trouble]
        try:
            await asyncio.wait([clients, *trouble], timeout=scenario.seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in trouble:
                one.cancel()
            for error in await asyncio.gather(*trouble, return_exceptions=True):
                if isinstance(error, Exception):
                    self._mischief.append(f"trouble had trouble itself: {error!r}")
        suspects_ms = PROBATION_MS * scenario.at_once // scenario.workers
        self._calm_ms = true_clock_ms() + scenario.lease_ms + SLOW_MS + suspects_ms
        try:
            async with asyncio.timeout(scenario.patience_s):
                await clients
                while await _some_go_on(direct):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            clients.cancel()
        await asyncio.gather(clients, return_exceptions=True)

    async def _clients(self, engine: Engine) -> None:
        desk, room = _Desk(engine), asyncio.Semaphore(self._scenario.at_once)

        async def live(number: int, story: Story) -> None:
            async with room:
                try:
                    await Client(desk, number, story, quiet=False).live()
                except Exception as error:
                    self._mischief.append(f"client {number}: {error!r}")

        async with asyncio.TaskGroup() as group:
            for number, story in enumerate(self._stories):
                group.create_task(live(number, story))


async def _some_go_on(world: World) -> bool:
    with suppress(WorldError):
        return bool((await world.list_runs(RunFilter(status=("pending", "running"), limit=1))).runs)
    return True


def _errors(log: Path, expected: str) -> list[str]:
    """What workers complained of, beyond warnings."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    found = re.findall(r"^.*(?: ERROR | CRITICAL |^Traceback).*(?:\n(?!\d{4}-).*){0,20}", text, re.MULTILINE)
    return [error for error in found if expected not in error][:20]


def _takeovers_ms(fleet: Fleet, claims: Mapping[RunId, Sequence[tuple[int, int]]]) -> list[int]:
    """Of runs that went on: those that had ended meanwhile, or were put away, had no need of it."""
    found: list[int] = []
    for kill in fleet.kills:
        for run_id, epoch in kill.owned.items():
            later = [at_ms for at_ms, claimed in claims.get(run_id, ()) if claimed > epoch]
            if later:
                found.append(max(0, min(later) - kill.at_ms))
    return sorted(found)


def _resumptions_ms(fleet: Fleet, evidence: Evidence) -> list[int]:
    found: list[int] = []
    for kill in fleet.kills:
        for run_id, epoch in kill.owned.items():
            log = evidence.logs.get(run_id)
            later = [row.at_ms for row in log.rows if row.epoch > epoch] if log is not None else []
            if later:
                found.append(max(0, later[0] - kill.at_ms))
    return sorted(found)
