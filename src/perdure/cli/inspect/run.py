"""`perdure inspect run`: all about one run."""

from datetime import UTC, datetime

import click
import msgspec

from perdure.api.records import Waiting
from perdure.cli.detail import Part, write_detail
from perdure.cli.human import age, clock, iso, span
from perdure.cli.inspect.view import RunView, view_of
from perdure.cli.listing import data_option, form_option, write_json
from perdure.cli.reference import record_named
from perdure.cli.served import served_workflows
from perdure.cli.table import Cell, status_cell
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine


@click.command(short_help="Show one run.")
@click.argument("id")
@form_option("--json", "One JSON object.")
@data_option
@world_option
def run(id: str, form: str | None, with_data: bool, world: str | None) -> None:
    """Show the run ID: where it stands, what it waits for, or how it ended.

    Its steps are in `perdure inspect steps ID`, its log in `perdure inspect events ID`.
    """

    async def work(engine: Engine) -> RunView:
        record = await record_named(engine, id)
        return await view_of(engine, record, await served_workflows(engine), with_data=with_data)

    view = in_world(world, work)
    if form == "json":
        write_json(view.as_json())
    else:
        write_detail(parts_of(view, datetime.now(UTC)))


def parts_of(view: RunView, now: datetime) -> list[Part]:
    info = view.info
    parts = [
        Part("runId", "run", Cell(info.run_id, style="bold")),
        Part("workflow", "workflow", Cell(info.workflow)),
        Part("status", "status", status_cell(info.status)),
        Part("createdAt", "created", time_cell(info.created_at, now)),
        Part("startedAt", "started", time_cell(info.started_at, now)),
        Part("completedAt", "completed", time_cell(info.completed_at, now)),
        Part("durationMs", "took", span_cell(info.duration_ms)),
        Part("attributes", "attributes", attributes_cell(info.attributes)),
        Part("parentId", "parent", Cell(info.parent_id or "")),
        Part("recoveries", "recoveries", Cell(str(info.recoveries or ""), str(info.recoveries))),
        Part("deployment", "deployment", Cell(info.deployment)),
    ]
    if info.error is not None:
        error = f"{info.error.type}: {info.error.message}"
        parts.append(Part("error", "error", Cell(error, style="red")))
        parts.append(Part("traceback", "traceback", Cell(info.error.traceback or "", style="dim")))
    elif info.reason is not None:
        parts.append(Part("reason", "reason", Cell(info.reason, style="red" if info.status == "blocked" else "")))
    else:
        parts.append(Part("waitingFor", "waiting for", waiting_cell(info.waiting_for, now)))
    if view.with_data:
        parts.append(Part("input", "input", data_cell(view.input)))
        parts.append(Part("result", "result", data_cell(view.result) if info.status == "completed" else Cell("")))
    return parts


def time_cell(at: datetime | None, now: datetime) -> Cell:
    """`11:31:05, 3 min ago`."""
    if at is None:
        return Cell("")
    far = age(at, now)
    return Cell(f"{clock(at, now)}, {far}" if at > now else f"{clock(at, now)}, {far} ago", iso(at))


def span_cell(duration_ms: int | None) -> Cell:
    return Cell("") if duration_ms is None else Cell(span(duration_ms), str(duration_ms))


def attributes_cell(attributes: dict[str, str]) -> Cell:
    told = "  ".join(f"{key}={value}" for key, value in attributes.items())
    return Cell(told, msgspec.json.encode(attributes).decode())


def waiting_cell(reasons: tuple[Waiting, ...], now: datetime) -> Cell:
    """A line for each thing."""
    lines = [
        reason.detail if reason.until is None else f"{reason.detail}, until {time_cell(reason.until, now).text}"
        for reason in reasons
    ]
    return Cell("\n".join(lines), msgspec.json.encode([reason.as_json() for reason in reasons]).decode())


def data_cell(value: object) -> Cell:
    """A value as JSON: over several lines for people, if it is long."""
    short = msgspec.json.encode(value)
    long = msgspec.json.format(short, indent=2) if len(short) > 60 else short
    return Cell(long.decode(), short.decode())
