"""`perdure inspect runs`: the runs of a world, newest first."""

from datetime import UTC, datetime
from typing import get_args

import click

from perdure.cli.human import age, clock, iso
from perdure.cli.inspect.filter import filter_options
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_runs
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, WIDE, Cell, Column, Row, span_cell, status_cell
from perdure.inspector.filter import Wanted
from perdure.inspector.run import RunView
from perdure.inspector.runs import list_runs
from perdure.model.status import Status

COLUMNS = (
    Column("RUN"),
    Column("WORKFLOW", cut="left"),
    Column("STATUS"),
    Column("CREATED", room=USUAL),
    Column("AGE", piped=False),
    Column("TOOK", room=WIDE),
    Column("DETAIL", cut="right", folds=True),
)


@click.command(short_help="List runs.")
@list_options(limit=20)
@click.option("--status", type=click.Choice(get_args(Status)), multiple=True, help="Runs in this state; repeatable.")
@filter_options
@place_option(of_runs)
def runs(options: ListOptions, status: tuple[Status, ...], wanted: Wanted, place: Place) -> None:
    """List runs, the newest first: those that meet every condition.

    In a pipe a line has: id, workflow, status, created, duration in ms, detail (the error, why it was cancelled
    or is blocked, or what it waits for).
    """

    page = place.look(
        lambda engine: list_runs(engine, wanted, status, options.asked),
        lambda remote: remote.runs(wanted, status, options.asked),
    )
    now = datetime.now(UTC)
    listed = [Listed(view.as_json(), row_of(view, now)) for view in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)


def row_of(view: RunView, now: datetime) -> Row:
    info = view.info
    return (
        Cell(info.run_id),
        Cell(info.workflow),
        status_cell(info.status),
        Cell(clock(info.created_at, now), iso(info.created_at)),
        Cell(age(info.created_at, now)),
        span_cell(info.duration_ms),
        Cell(view.detail, style="dim"),
    )
