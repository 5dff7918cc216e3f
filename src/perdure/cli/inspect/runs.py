"""`perdure inspect runs`: the runs of a world, newest first."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import get_args

import click
from msgspec.structs import replace

from perdure.cli.human import age, clock, iso, span
from perdure.cli.inspect.filter import Wanted, filter_options
from perdure.cli.inspect.view import RunView, listed_view
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.reference import run_named
from perdure.cli.table import Cell, Column, Row, status_cell
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound
from perdure.model.status import Status

COLUMNS = (
    Column("RUN"),
    Column("WORKFLOW", cut="left"),
    Column("STATUS"),
    Column("CREATED"),
    Column("AGE", piped=False),
    Column("TOOK", wide=True),
    Column("DETAIL", cut="right", wide=True),
)


@click.command(short_help="List runs.")
@list_options(limit=20)
@click.option("--status", type=click.Choice(get_args(Status)), multiple=True, help="Runs in this state; repeatable.")
@filter_options
@world_option
def runs(options: ListOptions, status: tuple[Status, ...], wanted: Wanted, world: str | None) -> None:
    """List runs, the newest first: those that meet every condition.

    In a pipe a line has: id, workflow, status, created, duration in ms, detail (the error, why it was cancelled
    or is blocked, or what it waits for).
    """

    async def work(engine: Engine) -> tuple[list[RunView], str | None]:
        filter = wanted.filter(status, options.limit)
        if options.cursor is not None:
            filter = replace(filter, before=await run_named(engine, options.cursor))
        page = await engine.world.list_runs(filter)
        workers = await engine.world.workers()
        views: list[RunView] = []
        for run in page.runs:
            with suppress(RunNotFound):  # it was old, and has just been removed
                views.append(await listed_view(engine, run, workers, with_data=options.with_data))
        return views, page.runs[-1].run_id if page.more else None

    views, cursor = in_world(world, work)
    now = datetime.now(UTC)
    write_list(options.form, COLUMNS, [Listed(view.as_json(), row_of(view, now)) for view in views], cursor)


def row_of(view: RunView, now: datetime) -> Row:
    info = view.info
    took_ms = info.duration_ms
    return (
        Cell(info.run_id),
        Cell(info.workflow),
        status_cell(info.status),
        Cell(clock(info.created_at, now), iso(info.created_at)),
        Cell(age(info.created_at, now)),
        Cell("", "") if took_ms is None else Cell(span(took_ms), str(took_ms)),
        Cell(view.detail, style="dim"),
    )
