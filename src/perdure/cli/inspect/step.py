"""`perdure inspect step`: all about one step."""

from datetime import UTC, datetime

import click

from perdure.api.info import step_info
from perdure.api.records import StepInfo
from perdure.cli.detail import Part, write_detail
from perdure.cli.inspect.run import data_cell, span_cell, time_cell
from perdure.cli.inspect.steps import step_json, took
from perdure.cli.listing import data_option, form_option, write_json
from perdure.cli.reference import step_named
from perdure.cli.table import Cell, status_cell
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.queue import steps_with_queued


@click.command(short_help="Show one step.")
@click.argument("id")
@click.option("--run", metavar="RUN", help="The run that it is of: without it all logs are searched, the newest first.")
@form_option("--json", "One JSON object.")
@data_option
@world_option
def step(id: str, run: str | None, form: str | None, with_data: bool, world: str | None) -> None:
    """Show the step ID: where it stands, its attempts, and its error."""

    async def work(engine: Engine) -> StepInfo:
        run_id, step_id = await step_named(engine, id, run)
        log, events = await engine.log(run_id)
        standings = await steps_with_queued(engine.world, events, engine.keys)
        infos = (step_info(log.run, standing) for standing in standings)
        return next(info for info in infos if info.step_id == step_id)

    info = in_world(world, work)
    if form == "json":
        write_json(step_json(info, with_data=with_data))
    else:
        write_detail(parts_of(info, datetime.now(UTC), with_data=with_data))


def parts_of(info: StepInfo, now: datetime, *, with_data: bool) -> list[Part]:
    parts = [
        Part("stepId", "step", Cell(info.step_id, style="bold")),
        Part("name", "name", Cell(info.name)),
        Part("runId", "run", Cell(info.run_id)),
        Part("queue", "queue", Cell(info.queue or "")),
        Part("status", "status", status_cell(info.status)),
        Part("attempt", "attempt", Cell(str(info.attempt))),
        Part("createdAt", "created", time_cell(info.created_at, now)),
        Part("startedAt", "started", time_cell(info.started_at, now)),
        Part("retryAt", "next try", time_cell(info.retry_at, now)),
        Part("completedAt", "completed", time_cell(info.completed_at, now)),
        Part("durationMs", "took", span_cell(took(info))),
    ]
    if info.error is not None:
        parts.append(Part("error", "error", Cell(f"{info.error.type}: {info.error.message}", style="red")))
        parts.append(Part("traceback", "traceback", Cell(info.error.traceback or "", style="dim")))
    if with_data:
        parts.append(Part("input", "input", data_cell(info.input)))
        parts.append(Part("output", "output", data_cell(info.output) if info.status == "completed" else Cell("")))
    return parts
