"""`perdure inspect steps`: the steps of one run, or of many."""

from datetime import UTC, datetime
from typing import get_args

import click

from perdure.api.records import StepStatus
from perdure.cli.completion import run_ids
from perdure.cli.human import age, clock, iso
from perdure.cli.inspect.filter import filter_options
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_steps
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, WIDE, Cell, Column, Row, span_cell, status_cell
from perdure.inspector.filter import Wanted
from perdure.inspector.step import StepView
from perdure.inspector.steps import list_steps

COLUMNS = (
    Column("STEP"),
    Column("NAME", cut="left"),
    Column("STATUS"),
    Column("TRY", room=USUAL),
    Column("STARTED", room=WIDE),
    Column("AGE", piped=False),
    Column("TOOK", room=USUAL),
    Column("ERROR", cut="right", folds=True),
)
RUN = Column("RUN", room=WIDE)


@click.command(short_help="List steps.")
@click.argument("run", required=False, shell_complete=run_ids)
@list_options(limit=100)
@click.option(
    "--status", type=click.Choice(get_args(StepStatus)), multiple=True, help="Steps in this state; repeatable."
)
@filter_options
@place_option(of_steps)
def steps(run: str | None, options: ListOptions, status: tuple[StepStatus, ...], wanted: Wanted, place: Place) -> None:
    """List the steps of the run RUN, in the order of their calls; without RUN those of all runs, the newest run first.

    --workflow, --since, --until, --attr and --search choose among runs. In a pipe a line has: id, name, status,
    attempt, started, duration in ms, error, and without RUN the id of its run.
    """
    if run is not None and not wanted.everything:
        raise click.UsageError(
            "--workflow, --since, --until, --attr and --search choose among runs: leave RUN or these out."
        )
    page = place.look(
        lambda engine: list_steps(engine, run, wanted, status, options.asked),
        lambda remote: remote.steps(run, wanted, status, options.asked),
    )
    now = datetime.now(UTC)
    listed = [Listed(step.as_json(), row_of(step, now)) for step in page.items]
    write_list(options.form, COLUMNS if run is not None else (*COLUMNS, RUN), listed, page.cursor)


def row_of(view: StepView, now: datetime) -> Row:
    step, started_at = view.info, view.info.started_at
    return (
        Cell(step.step_id),
        Cell(step.name),
        status_cell(step.status),
        Cell(str(step.attempt)),
        Cell("") if started_at is None else Cell(clock(started_at, now), iso(started_at)),
        Cell(age(started_at or step.created_at, now)),
        span_cell(view.took_ms),
        Cell("" if step.error is None else f"{step.error.type}: {step.error.message}", style="dim"),
        Cell(step.run_id),
    )
