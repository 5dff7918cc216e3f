"""`perdure scorecard`: how ready for production workflows are, item by item, with the evidence."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime

import click

from perdure.api.connect import VARIABLE
from perdure.cli.listing import write_json
from perdure.cli.module import function_named
from perdure.cli.world import in_world, url_of, world_option
from perdure.errors import DefinitionInvalid, PerdureError, UsageError, WorldError
from perdure.testing.scorecard.answers import FILE, read_answers
from perdure.testing.scorecard.code import Code
from perdure.testing.scorecard.project import read_code, root_of
from perdure.testing.scorecard.report import markdown
from perdure.testing.scorecard.repository import Repository
from perdure.testing.scorecard.scorecard import Scorecard, score
from perdure.testing.scorecard.store import Store, read_store
from perdure.testing.scorecard.subject import Subject
from perdure.testing.scorecard.table import NAMES
from perdure.testing.survival.failure import Broken

DAYS_MAX = 180


@click.command(short_help="Score how ready for production workflows are.")
@click.argument("targets", metavar="FILE|MODULE...", nargs=-1, required=True)
@click.option(
    "--format", "form", type=click.Choice(["md", "json"]), default="md", show_default=True, help="How it is written."
)
@click.option(
    "--simulate", multiple=True, metavar="MODULE:FUNCTION", help="A test under @survives: it is run. Repeatable."
)
@click.option(
    "--stale-after",
    type=click.IntRange(min=1),
    metavar="DAYS",
    default=DAYS_MAX,
    show_default=True,
    help="An older answer counts no more.",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The day that answers are held against. [default: today]",
)
@world_option
def scorecard(
    targets: tuple[str, ...],
    form: str,
    simulate: tuple[str, ...],
    stale_after: int,
    as_of: datetime | None,
    world: str | None,
) -> None:
    """Score workflows from 0 to 2 for each item of the production readiness table, with what was seen, and where.

    Files, folders and modules are read, never imported; so are what they import of this project, the neighbours that
    import them, the project's tests and documents. With --world (or PERDURE_WORLD) the runs of these workflows are looked
    at; with --simulate that function is imported, and run. What can't be seen a person answers, in scorecard.toml beside the
    code. The exit code is 0, however low the score.
    """
    today = datetime.now(UTC).date() if as_of is None else as_of.date()
    try:
        card = _scored(targets, simulate, (today, stale_after), world)
    except RecursionError as error:
        raise DefinitionInvalid(", ".join(targets), "its expressions are nested too deeply") from error
    if form == "json":
        write_json(card.as_json())
        return
    for line in markdown(card):
        click.echo(line)
    click.echo(f"answers are read from {FILE} beside the code", err=True)


def _scored(targets: tuple[str, ...], simulate: Iterable[str], age: tuple[date, int], world: str | None) -> Scorecard:
    code = read_code(targets)
    scored = [file.path for file in code.files if file.scored]
    answers = read_answers(scored, NAMES, age[0])
    simulated, broken = _simulated(simulate)
    subject = Subject(
        code=code,
        repository=Repository(root_of(scored[0]), code.files),
        store=_store(world, code),
        simulated=simulated,
        broken=broken,
    )
    return score(subject, answers, *age)


def _store(world: str | None, code: Code) -> Store | None:
    """Raises: WorldError. A world that only the environment names may be away: nobody asked for it here."""
    url = world or os.environ.get(VARIABLE)
    if not url:
        return None
    try:
        return in_world(url, lambda engine: read_store(engine, url_of(url), code))
    except WorldError as error:
        if world:
            raise
        click.echo(f"{VARIABLE} isn't looked at: {error}", err=True)
        return None


def _simulated(functions: Iterable[str]) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """What survived, and what broke. Raises: UsageError for what isn't a simulation, or ends in another way."""
    survived: list[tuple[str, str]] = []
    broken: list[tuple[str, str]] = []
    for name in functions:
        simulation = function_named(name)
        try:
            said = simulation()
        except Broken as error:
            broken.append((name, str(error)))
        except PerdureError:
            raise
        except Exception as error:
            raise UsageError(f"{name} ended with {type(error).__name__}: {error}") from error
        else:
            survived.append((name, f"it came to the same in each simulation{f': {said}' if said else ''}"))
    return tuple(survived), tuple(broken)
