"""`perdure inspect run`: all about one run."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
import msgspec

from perdure.api.info import LONG_MS
from perdure.api.records import StreamInfo, Waiting
from perdure.cli.completion import run_ids
from perdure.cli.detail import Part, draw_detail, write_detail
from perdure.cli.human import age, clock, counted, iso
from perdure.cli.inspect.hooks import expiry_cell
from perdure.cli.inspect.waterfall import waterfall
from perdure.cli.listing import data_option, form_option, write_json
from perdure.cli.page import of_run
from perdure.cli.place import Place, place_option
from perdure.cli.remote import Remote
from perdure.cli.table import Cell, span_cell, status_cell, terminal
from perdure.engine.engine import Engine
from perdure.inspector.hook import HookView
from perdure.inspector.reference import record_named
from perdure.inspector.run import RunDetail, detail_of
from perdure.model.status import ENDED

if TYPE_CHECKING:
    from rich.console import Console

LISTED = 10
NAME_MAX = 40
LOOK_S = 0.5


@click.command(short_help="Show one run.")
@click.argument("id", shell_complete=run_ids)
@form_option("--json", "One JSON object.")
@data_option
@click.option("--watch", is_flag=True, help="Go on showing it, live, until it has ended.")
@place_option(of_run(parameter="id"))
def run(id: str, form: str | None, with_data: bool, watch: bool, place: Place) -> None:
    """Show the run ID: where it stands, what it waits for, or how it ended; on a terminal, where its time went.

    Its steps are in `perdure inspect steps ID`, its log in `perdure inspect events ID`; likewise its hooks, waits and
    streams.
    """
    if watch and (form is not None or not sys.stdout.isatty()):
        raise click.UsageError(
            "--watch draws on a terminal: for programs there is `perdure inspect events RUN --jsonl`."
        )

    async def here(engine: Engine) -> RunDetail:
        record = await record_named(engine, id)
        if watch:
            return await watched(lambda: detail_of(engine, record, with_data=with_data))
        return await detail_of(engine, record, with_data=with_data)

    def there(remote: Remote) -> RunDetail:
        async def look() -> RunDetail:
            return remote.run(id, with_data=with_data, with_timeline=form is None)

        return asyncio.run(watched(look) if watch else look())

    detail = place.look(here, there)
    if form == "json":
        write_json(detail.as_json())
    elif not watch:
        write_detail(parts_of(detail, datetime.now(UTC)))
        if sys.stdout.isatty():
            draw_spans(terminal(), detail)


def draw_spans(console: "Console", detail: RunDetail) -> None:
    """Bars under the details."""
    lines = waterfall(console, detail.timeline) if detail.timeline is not None else []
    if lines:
        console.print()
    for line in lines:
        console.print(line, soft_wrap=True)


async def watched(look: Callable[[], Awaitable[RunDetail]]) -> RunDetail:
    """Draw what it sees, over and over, until the run has ended: then give that."""
    from rich.live import Live
    from rich.text import Text

    paper = terminal()  # not the one that is live: each line on that is a line above the picture
    with Live(console=terminal(), auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            detail = await look()
            with paper.capture() as capture:
                draw_detail(paper, parts_of(detail, datetime.now(UTC)))
                draw_spans(paper, detail)
            live.update(Text.from_ansi(capture.get()), refresh=True)
            if detail.view.info.status in ENDED:
                return detail
            await asyncio.sleep(LOOK_S)


def parts_of(detail: RunDetail, now: datetime) -> list[Part]:
    view, info = detail.view, detail.view.info
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
        Part("forkedFrom", "forked from", origin_cell(detail)),
        Part("recoveries", "recoveries", Cell(str(info.recoveries or ""), str(info.recoveries))),
        Part("deployment", "started by", Cell(info.deployment)),
        Part("pin", "pinned to", Cell(info.pin or "")),
    ]
    if info.error is not None:
        error = f"{info.error.type}: {info.error.message}"
        parts.append(Part("error", "error", Cell(error, style="red")))
        parts.append(Part("failedStep", "failed step", failed_step_cell(detail)))
        parts.append(Part("traceback", "traceback", Cell(info.error.traceback or "", style="dim")))
    elif info.reason is not None:
        parts.append(Part("reason", "reason", Cell(info.reason, style="red" if info.status == "blocked" else "")))
    else:
        parts.append(Part("waitingFor", "waiting for", waiting_cell(info.waiting_for, now)))
    parts.append(Part("hooks", "hooks", hooks_cell(detail, now)))
    parts.append(Part("streams", "streams", streams_cell(detail)))
    if view.with_data:
        parts.append(Part("input", "input", data_cell(view.input)))
        parts.append(Part("result", "result", data_cell(view.result) if info.status == "completed" else Cell("")))
    return parts


def failed_step_cell(detail: RunDetail) -> Cell:
    """The last step that failed: its own traceback has the line."""
    spans = () if detail.timeline is None else detail.timeline.items
    last = next((span for span in reversed(spans) if span.kind == "step" and span.status == "failed"), None)
    return Cell("") if last is None else Cell(f"{last.name}  {last.step_id}", last.step_id or "")


def time_cell(at: datetime | None, now: datetime) -> Cell:
    """`11:31:05, 3 min ago`."""
    if at is None:
        return Cell("")
    far = age(at, now)
    return Cell(f"{clock(at, now)}, {far}" if at > now else f"{clock(at, now)}, {far} ago", iso(at))


def origin_cell(detail: RunDetail) -> Cell:
    origin = detail.forked_from
    if origin is None:
        return Cell("")
    edited = f", with other outcomes of {', '.join(origin.edited)}" if origin.edited else ""
    return Cell(f"{origin.run_id}, before event {origin.seq}{edited}", origin.run_id)


def attributes_cell(attributes: dict[str, str]) -> Cell:
    told = "  ".join(f"{key}={value}" for key, value in attributes.items())
    return Cell(told, msgspec.json.encode(attributes).decode())


def waiting_cell(reasons: tuple[Waiting, ...], now: datetime) -> Cell:
    """A line for each thing."""
    lines = [f"{reason.detail}{_how_long(reason, now)}" for reason in reasons]
    return Cell("\n".join(lines), msgspec.json.encode([reason.as_json() for reason in reasons]).decode())


def _how_long(reason: Waiting, now: datetime) -> str:
    if reason.until is not None:
        return f", until {time_cell(reason.until, now).text}"
    return f", for {age(reason.since, now)}" if (now - reason.since).total_seconds() * 1000 >= LONG_MS else ""


def hooks_cell(detail: RunDetail, now: datetime) -> Cell:
    """A line for each that waits, as far as there is room; of the others the number."""
    waiting = [hook for hook in detail.hooks if hook.info.status == "waiting"]
    lines = aligned([(hook.info.token, hook_words(hook, now)) for hook in waiting[:LISTED]])
    rest = len(detail.hooks) - len(lines)
    if rest:
        lines.append(f"and {counted(rest, 'other')}" if lines else f"{counted(rest, 'hook')}, none of which waits")
    return Cell("\n".join(lines), msgspec.json.encode(detail.hooks_json()).decode())


def hook_words(hook: HookView, now: datetime) -> str:
    info = hook.info
    words = [f"{'webhook' if info.webhook else 'hook'} since {age(info.created_at, now)}"]
    if info.received:
        words.append(counted(info.received, "payload"))
    if hook.rejected:
        words.append(f"{counted(hook.rejected, 'payload')} rejected")
    if info.expires_at is not None:
        words.append(f"expires {expiry_cell(info, now).text}")
    return ", ".join(words)


def streams_cell(detail: RunDetail) -> Cell:
    """A line for each, as far as there is room."""
    shown = detail.streams[:LISTED]
    lines = aligned([(stream.namespace or "(default)", stream_words(stream)) for stream in shown])
    if len(detail.streams) > LISTED:
        lines.append(f"and {counted(len(detail.streams) - LISTED, 'other')}")
    return Cell("\n".join(lines), msgspec.json.encode(detail.streams_json()).decode())


def stream_words(stream: StreamInfo) -> str:
    return f"{counted(stream.tail_index + 1, 'chunk')}, {'closed' if stream.closed else 'open'}"


def aligned(lines: Sequence[tuple[str, str]]) -> list[str]:
    """Names, and what is said of each, under each other."""
    width = min(max((len(name) for name, _ in lines), default=0), NAME_MAX)
    return [f"{name.ljust(width)}  {words}" for name, words in lines]


def data_cell(value: object) -> Cell:
    """A value as JSON: over several lines for people, if it is long."""
    short = msgspec.json.encode(value)
    long = msgspec.json.format(short, indent=2) if len(short) > 60 else short
    return Cell(long.decode(), short.decode())
