"""`python -m perdure.testing.simulation`: many seeds, and a scorecard. Programs and planted faults are the tests' own."""

import importlib
import sys
import time
from typing import Any

import click

from perdure.testing.simulation.campaign import Scorecard, campaign, crash_everywhere, first_caught
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.simulation import Plan


@click.command()
@click.option("--seeds", default=2000, show_default=True, help="How many seeds; for a planted fault, at most.")
@click.option("--base", default=0, show_default=True, help="The first seed.")
@click.option("--program", "names", multiple=True, help="Only this program; may be given again.")
@click.option("--planted", help="With this rule taken out, or `all`, each by itself: when is it caught?")
@click.option("--crashes", is_flag=True, help="Instead, kill the worker before and after each of its calls.")
@click.option("--tests", default="tests.faults", show_default=True, help="The package of the programs.")
def main(seeds: int, base: int, names: tuple[str, ...], planted: str | None, crashes: bool, tests: str) -> None:
    """Simulate perdure under faults, and check what it promises. Exit 1: a promise was broken, or a fault not seen."""
    sys.path.insert(0, "")
    programs: Any = importlib.import_module(f"{tests}.programs")
    suite: Suite = programs.SUITE
    chosen = tuple(program for program in programs.PROGRAMS if not names or _is_named(program, names))
    began = time.perf_counter()
    if planted is not None:
        known = importlib.import_module(f"{tests}.planted").PLANTED
        good = _all_caught([one for one in known if planted == "all" or one.rule.startswith(planted)], base, seeds)
    elif crashes:
        good = _crashed(suite, chosen)
    else:
        good = _searched(Plan(suite=suite, programs=chosen), range(base, base + seeds))
    click.echo(f"{time.perf_counter() - began:>9,.0f}  seconds")
    sys.exit(0 if good else 1)


def _is_named(program: Program, names: tuple[str, ...]) -> bool:
    return program.name in names or program.name.rpartition(":")[2] in names


def _searched(plan: Plan, seeds: range) -> bool:
    card = Scorecard()
    for seed, card in campaign(plan, seeds):
        failed = card.failing.get(f"seed {seed}")
        if failed is not None:
            click.echo(f"seed {seed}: {failed}", err=True)
    click.echo(str(card))
    return not card.failing


def _crashed(suite: Suite, programs: tuple[Program, ...]) -> bool:
    good = True
    for program in programs:
        card = crash_everywhere(suite, program)
        click.echo(f"{program.name}\n{card}")
        good = good and not card.failing
    return good


def _all_caught(planted: list[Any], base: int, seeds: int) -> bool:
    good = True
    for one in planted:
        caught = first_caught(one.plan, range(base, base + seeds), one.apply)
        told = f"caught by seed {caught[0]} as {caught[1].rule}" if caught else f"NOT CAUGHT in {seeds} seeds"
        click.echo(f"{one.rule:<14} {one.what:<48} {told}")
        good = good and caught is not None
    return good


if __name__ == "__main__":
    main()
