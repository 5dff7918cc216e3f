"""`make chaos`: everything that is to go wrong, and the scorecard: what, tried, violations. Exit 1 if there is one.

Each part by itself: `python -m tests.faults simulation`, `processes`, `real`, `planted`, `storm`; a scenario of the real
ones by its name. What broke a rule is written to `.perdure/chaos`, with the logs of the runs.
"""

import asyncio
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from perdure.testing.simulation.campaign import Scorecard, campaign, crash_everywhere, first_caught
from perdure.testing.simulation.checker.check import MISCHIEF
from perdure.testing.simulation.simulation import Plan
from tests.faults.planted import PLANTED
from tests.faults.programs import PROGRAMS, SUITE
from tests.faults.real.arena import Server
from tests.faults.real.planted import PLANTED as REALLY_PLANTED
from tests.faults.real.planted import Planted as ReallyPlanted
from tests.faults.real.scenario import Report, Scenario, play, server_of_its_own
from tests.faults.real.scenarios import SCENARIOS, STORM

ROOT = Path(__file__).parents[2]
FOUND = Path(".perdure", "chaos")
SEEDS, PLANTED_SEEDS, PLAYS = 2000, 1500, 5
PARTS = ("simulation", "processes", "real", "planted", "storm")


@dataclass
class Card:
    """The lines of the scorecard so far; each is shown as soon as it is there."""

    violations: int = 0
    lines: list[str] = field(default_factory=list[str])

    def add(self, what: str, tried: str, violations: int, detail: str = "") -> None:
        self.violations += violations
        self.lines.append(f"| {what} | {tried} | {violations} |")
        click.echo(self.lines[-1])
        if violations:
            click.echo(detail, err=True)

    def __str__(self) -> str:
        return "\n".join(["| what | tried | violations |", "| --- | --- | --- |", *self.lines])


# -- in virtual time


def simulated(card: Card) -> None:
    began = time.monotonic()
    *_, (_, scored) = campaign(Plan(suite=SUITE, programs=PROGRAMS), range(SEEDS))
    _add_simulations(card, "simulation: random seeds", scored, time.monotonic() - began)
    began, all_kills = time.monotonic(), Scorecard()
    for program in PROGRAMS:
        each = crash_everywhere(SUITE, program)
        all_kills.tried += each.tried
        all_kills.runs += each.runs
        all_kills.calls += each.calls
        all_kills.counts += each.counts
        all_kills.failing |= each.failing
    what = f"simulation: a kill before and after every call, {len(PROGRAMS)} programs"
    _add_simulations(card, what, all_kills, time.monotonic() - began)
    missed = [
        f"{one.rule}: {one.what}"
        for one in PLANTED
        if first_caught(one.plan, range(one.seed, one.seed + PLANTED_SEEDS), one.apply) is None
    ]
    card.add("simulation: planted faults", f"{len(PLANTED)}, the rest caught", len(missed), "\n".join(missed))


def _add_simulations(card: Card, what: str, scored: Scorecard, seconds: float) -> None:
    counts = scored.counts
    tried = (
        f"{scored.tried:,} simulations: {scored.runs:,} runs, {scored.calls:,} calls, {counts['kill']:,} kills, "
        f"{counts['pause']:,} pauses, {counts['lost']:,} lost answers, {counts['away']:,} refused calls ({seconds:.0f} s)"
    )
    card.add(what, tried, len(scored.failing), "\n".join(f"{name}: {one}" for name, one in scored.failing.items()))


# -- on real processes


def processes(card: Card) -> None:
    """Those that are tests, in their long form."""
    for what, path in (
        (
            "SIGKILL before, inside and after every call of a real process on SQLite, and of its successor",
            "kill_process",
        ),
        ("golden logs, hash seeds", "replay"),
    ):
        command = [sys.executable, "-m", "pytest", "-q", f"tests/faults/test_{path}.py"]
        environment = {**os.environ, "PERDURE_CHAOS": "1"}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        counts = {name: int(count) for count, name in re.findall(r"(\d+) (passed|failed|errors?)", done.stdout)}
        wrong = sum(count for name, count in counts.items() if name != "passed") or int(done.returncode != 0)
        card.add(what, f"{counts.get('passed', 0)} tests", wrong, done.stdout[-4000:])


def real(card: Card, scenarios: tuple[Scenario, ...]) -> None:
    with server_of_its_own() as server:
        for scenario in scenarios:
            _add_report(card, asyncio.run(play(scenario, server)))


def _add_report(card: Card, report: Report) -> None:
    took = ""
    if report.takeovers_ms:
        claimed, resumed = _quantiles(report.takeovers_ms), _quantiles(report.resumptions_ms)
        took = f"; {len(report.takeovers_ms):,} take-overs: claimed after {claimed}, next event after {resumed}"
    kept = f"\n{report.scenario.name}: see {report.save(FOUND)}" if report.violations else ""
    tried = f"{report.told} ({report.seconds:.0f} s){took}"
    shown = [f"{report.scenario.name}: {violation}"[:500] for violation in report.violations[:20]]
    card.add(report.scenario.what, tried, len(report.violations), "\n".join(shown) + kept)


def _quantiles(times_ms: list[int]) -> str:
    middle, late = (times_ms[len(times_ms) * percent // 100] for percent in (50, 99))
    return f"{middle:,} ms (p50), {late:,} ms (p99)"


def planted(card: Card) -> None:
    missed: list[str] = []
    with server_of_its_own() as server:
        for one in REALLY_PLANTED:
            seen = _first_seen(one, server)
            click.echo(f"planted: {one.what}: {f'seen as {seen}' if seen else 'NOT SEEN'}", err=True)
            if not seen:
                missed.append(one.what)
    what = "faults planted in real stores and workers"
    card.add(what, f"{len(REALLY_PLANTED)}, the rest caught", len(missed), "\n".join(missed))


def _first_seen(one: ReallyPlanted, server: Server) -> str:
    """Chance decides whether it does harm: so it is given several."""
    for _ in range(PLAYS):
        report = asyncio.run(play(one.scenario, server))
        rules = [violation.rule for violation in report.violations if violation.rule != MISCHIEF]
        if seen := [rule for rule in rules if rule.startswith(one.seen_as)]:
            return seen[0]
    return ""


# -- all of it


@click.command()
@click.argument("parts", nargs=-1)
@click.option("--times", default=1, show_default=True, help="Each of the real scenarios so often.")
def main(parts: tuple[str, ...], times: int) -> None:
    """All PARTS, or these: simulation, processes, real, planted, storm, or the names of real scenarios."""
    names = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := [part for part in parts if part not in PARTS and part not in names]:
        raise click.UsageError(f"there is no {unknown[0]!r}, only {', '.join((*PARTS, *names))}")
    logging.basicConfig(level=logging.CRITICAL)  # what the clients meet, the workers log
    card = Card()
    for job in _jobs(parts or PARTS, times):
        job(card)
    click.echo(f"\n{card}")
    sys.exit(1 if card.violations else 0)


def _jobs(parts: tuple[str, ...], times: int) -> Iterator[Callable[[Card], None]]:
    chosen = tuple(one for one in SCENARIOS if "real" in parts or one.name in parts) * times
    if "simulation" in parts:
        yield simulated
    if "processes" in parts:
        yield processes
    if chosen:
        yield lambda card: real(card, chosen)
    if "planted" in parts:
        yield planted
    if "storm" in parts:
        yield lambda card: real(card, (STORM,) * times)


if __name__ == "__main__":
    main()
