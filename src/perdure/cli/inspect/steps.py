"""`perdure inspect steps`: the steps of one run, or of many."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, NamedTuple, get_args

import click
from msgspec.structs import replace

from perdure.api.info import step_info
from perdure.api.records import StepInfo
from perdure.cli.human import age, clock, iso, span
from perdure.cli.inspect.filter import Wanted, filter_options
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.reference import run_named
from perdure.cli.table import Cell, Column, Row, status_cell
from perdure.cli.world import in_world, world_option
from perdure.core.standing import StepStatus
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.engine.queue import steps_with_queued
from perdure.errors import RunNotFound, UsageError
from perdure.model.ids import RunId, is_run_id
from perdure.world.query import RunFilter

COLUMNS = (
    Column("STEP"),
    Column("NAME", cut="left"),
    Column("STATUS"),
    Column("TRY"),
    Column("STARTED", wide=True),
    Column("AGE", piped=False),
    Column("TOOK"),
    Column("ERROR", cut="right", wide=True),
)
RUN = Column("RUN", wide=True)


class Place(NamedTuple):
    """Where a list of steps goes on: so many steps into this run. As a cursor, `run:count`."""

    run_id: RunId
    skipped: int

    def __str__(self) -> str:
        return f"{self.run_id}:{self.skipped}"


@click.command(short_help="List steps.")
@click.argument("run", required=False)
@list_options(limit=100)
@click.option(
    "--status", type=click.Choice(get_args(StepStatus)), multiple=True, help="Steps in this state; repeatable."
)
@filter_options
@world_option
def steps(
    run: str | None, options: ListOptions, status: tuple[StepStatus, ...], wanted: Wanted, world: str | None
) -> None:
    """List the steps of the run RUN, in the order of their calls; without RUN those of all runs, the newest run first.

    --workflow, --since, --until and --attr choose among runs. In a pipe a line has: id, name, status, attempt,
    started, duration in ms, error, and without RUN the id of its run.
    """
    if run is not None and not wanted.everything:
        raise click.UsageError("--workflow, --since, --until and --attr choose among runs: leave RUN or these out.")
    after = None if options.cursor is None else place_of(options.cursor)

    async def work(engine: Engine) -> tuple[list[StepInfo], str | None]:
        run_ids = _runs(engine, wanted.filter(), after) if run is None else _only(await run_named(engine, run))
        items: list[StepInfo] = []
        async for place, step in _steps(engine, run_ids, after, all_runs=run is None):
            if status and step.status not in status:
                continue
            if len(items) == options.limit:
                return items, str(place)
            items.append(step)
        return items, None

    found, cursor = in_world(world, work)
    now = datetime.now(UTC)
    listed = [Listed(step_json(step, with_data=options.with_data), row_of(step, now)) for step in found]
    write_list(options.form, COLUMNS if run is not None else (*COLUMNS, RUN), listed, cursor)


def place_of(cursor: str) -> Place:
    """Raises: UsageError."""
    run_id, _, skipped = cursor.partition(":")
    if not (is_run_id(run_id) and skipped.isdecimal()):
        raise UsageError(f"{cursor!r} is no cursor of a list of steps: give the one that such a list ended with")
    return Place(RunId(run_id), int(skipped))


def step_json(step: StepInfo, *, with_data: bool) -> dict[str, Any]:
    shown = step.as_json()
    if not with_data:
        del shown["input"], shown["output"]
    return shown


def row_of(step: StepInfo, now: datetime) -> Row:
    took_ms = took(step)
    return (
        Cell(step.step_id),
        Cell(step.name),
        status_cell(step.status),
        Cell(str(step.attempt)),
        Cell(clock(step.started_at, now), iso(step.started_at)),
        Cell(age(step.started_at, now)),
        Cell("") if took_ms is None else Cell(span(took_ms), str(took_ms)),
        Cell("" if step.error is None else f"{step.error.type}: {step.error.message}", style="dim"),
        Cell(step.run_id),
    )


def took(step: StepInfo) -> int | None:
    """From its call to its outcome, back-offs included, in ms."""
    if step.completed_at is None:
        return None
    return round((step.completed_at - step.created_at).total_seconds() * 1000)


async def _only(run_id: RunId) -> AsyncIterator[RunId]:
    yield run_id


async def _runs(engine: Engine, filter: RunFilter, after: Place | None) -> AsyncIterator[RunId]:
    if after is not None:
        yield after.run_id
        filter = replace(filter, before=after.run_id)
    async for record in walk_runs(engine.world, filter):
        yield record.run_id


async def _steps(
    engine: Engine, run_ids: AsyncIterator[RunId], after: Place | None, *, all_runs: bool
) -> AsyncIterator[tuple[Place, StepInfo]]:
    async for run_id in run_ids:
        try:
            log, events = await engine.log(run_id)
        except RunNotFound:
            if all_runs:  # it was old, and has just been removed
                continue
            raise
        skipped = after.skipped if after is not None and after.run_id == run_id else 0
        for index, step in enumerate(await steps_with_queued(engine.world, events, engine.keys)):
            if index >= skipped:
                yield Place(run_id, index), step_info(log.run, step)
