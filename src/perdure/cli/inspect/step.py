"""`perdure inspect step`: all about one step."""

from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from perdure.cli.completion import run_ids, step_ids
from perdure.cli.detail import Part, write_detail
from perdure.cli.inspect.run import aligned, data_cell, time_cell
from perdure.cli.listing import data_option, form_option, write_json
from perdure.cli.page import of_step
from perdure.cli.place import Place, place_option
from perdure.cli.table import Cell, span_cell, status_cell
from perdure.inspector.span import AttemptInfo
from perdure.inspector.step import StepView, find_step


@click.command(short_help="Show one step.")
@click.argument("id", shell_complete=step_ids)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=run_ids,
    help="The run that it is of: without it all logs are searched, the newest first.",
)
@form_option("--json", "One JSON object.")
@data_option
@place_option(of_step)
def step(id: str, run: str | None, form: str | None, with_data: bool, place: Place) -> None:
    """Show the step ID: where it stands, its attempts, and its error."""

    view = place.look(
        lambda engine: find_step(engine, id, run, with_data=with_data),
        lambda remote: remote.step(id, run, with_data=with_data),
    )
    if form == "json":
        write_json(view.as_json())
    else:
        write_detail(parts_of(view, datetime.now(UTC)))


def parts_of(view: StepView, now: datetime) -> list[Part]:
    info = view.info
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
        Part("durationMs", "took", span_cell(view.took_ms)),
    ]
    if info.error is not None:
        parts.append(Part("error", "error", Cell(f"{info.error.type}: {info.error.message}", style="red")))
        parts.append(Part("traceback", "traceback", Cell(info.error.traceback or "", style="dim")))
    parts.append(Part("attempts", "attempts", attempts_cell(view.attempts or (), now)))
    if view.with_data:
        parts.append(Part("input", "input", data_cell(info.input)))
        parts.append(Part("output", "output", data_cell(info.output) if info.status == "completed" else Cell("")))
    return parts


def attempts_cell(attempts: Sequence[AttemptInfo], now: datetime) -> Cell:
    """A line for each, of several: when it ended, how, and with which error."""
    raw = msgspec.json.encode([attempt.as_json() for attempt in attempts]).decode()
    lines = aligned([(f"{each.attempt}  {each.status}", _attempt_words(each, now)) for each in attempts])
    return Cell("\n".join(lines) if len(lines) > 1 else "", raw)


def _attempt_words(attempt: AttemptInfo, now: datetime) -> str:
    words = time_cell(attempt.ended_at or attempt.started_at, now).text
    return words if attempt.error is None else f"{words}, {attempt.error.type}: {attempt.error.message}"
