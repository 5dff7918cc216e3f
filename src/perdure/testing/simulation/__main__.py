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
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    default=2000,
    show_default=True,
    help="How many seeds; for a planted fault, at most.",
)
@click.option("--base", default=0, show_default=True, help="The first seed.")
@click.option("--program", "names", multiple=True, help="Only this program; may be given again.")
@click.option("--planted", help="With this rule taken out, or `all`, each by itself: when is it caught?")
@click.option("--crashes", is_flag=True, help="Instead, kill the worker before and after each of its calls.")
@click.option("--tests", default="tests.faults", show_default=True, help="The package of the programs.")
def main(seeds: int, base: int, names: tuple[str, ...], planted: str | None, crashes: bool, tests: str) -> None:
    """Simulate perdure under faults, and check what it promises. Exit 1: a promise was broken, or a fault not seen."""
    sys.path.insert(0, "")
    began = time.perf_counter()
    if planted is not None:
        if names or crashes:
            raise click.UsageError("--planted brings its own programs: give neither --program nor --crashes with it")
        good = _all_caught(_planted(_module(tests, "planted").PLANTED, planted), base, seeds)
    else:
        programs = _module(tests, "programs")
        suite, chosen = programs.SUITE, _chosen(programs.PROGRAMS, names)
        good = _crashed(suite, chosen) if crashes else _searched(Plan(suite=suite, programs=chosen), base, seeds)
    click.echo(f"{time.perf_counter() - began:>9,.0f}  seconds")
    sys.exit(0 if good else 1)


def _module(tests: str, name: str) -> Any:
    full_name = f"{tests}.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{full_name}.".startswith(f"{error.name}."):
            raise  # something that the tests import
        raise click.BadParameter(f"there is no module {full_name} here", param_hint="--tests") from None


def _chosen(programs: tuple[Program, ...], names: tuple[str, ...]) -> tuple[Program, ...]:
    """The programs of these names, with or without what stands before the colon; without names all."""
    short = {program.name.rpartition(":")[2]: program for program in programs}
    known = {program.name: program for program in programs} | short
    for name in names:
        if name not in known:
            raise click.BadParameter(f"there is no {name!r}, only {', '.join(short)}", param_hint="--program")
    return tuple(program for program in programs if not names or program in [known[name] for name in names])


def _planted(known: tuple[Any, ...], rule: str) -> list[Any]:
    """The faults planted against rules that begin so."""
    found = [one for one in known if rule == "all" or one.rule.startswith(rule)]
    if not found:
        rules = ", ".join(dict.fromkeys(one.rule for one in known))
        raise click.BadParameter(f"there is none for {rule!r}, only for {rules}", param_hint="--planted")
    return found


def _searched(plan: Plan, base: int, seeds: int) -> bool:
    card = Scorecard()
    for seed, card in campaign(plan, range(base, base + seeds)):
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
