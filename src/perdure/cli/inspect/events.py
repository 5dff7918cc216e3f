"""`perdure inspect events`: a run's log."""

from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from msgspec.structs import replace

from perdure.api.info import event_infos
from perdure.api.records import EventInfo, moment
from perdure.cli.human import clock, iso, span
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.reference import run_named
from perdure.cli.table import Cell, Column, Row
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.log import read_log
from perdure.errors import UsageError

COLUMNS = (
    Column("SEQ"),
    Column("TURN"),
    Column("AT"),
    Column("AFTER", piped=False),
    Column("TYPE"),
    Column("KEY", cut="left"),
)
DATA = Column("DATA", cut="right")


@click.command(short_help="List a run's events.")
@click.argument("run")
@list_options(limit=200)
@world_option
def events(run: str, options: ListOptions, world: str | None) -> None:
    """List the events of the run RUN, in the order of its log.

    In a pipe a line has: seq, turn, time, type, key, and with --with-data the event's data as JSON.
    """
    first = 1 if options.cursor is None else seq_of(options.cursor)

    async def work(engine: Engine) -> tuple[datetime, list[EventInfo], str | None]:
        log = await read_log(engine.world, await run_named(engine, run), first)
        page, rest = log.rows[: options.limit], log.rows[options.limit :]
        created_at = moment(log.run.created_at_ms)
        return created_at, event_infos(replace(log, rows=page), engine.keys), str(rest[0].seq) if rest else None

    created_at, found, cursor = in_world(world, work)
    now, with_data = datetime.now(UTC), options.with_data
    listed = [Listed(event_json(event, with_data=with_data), row_of(event, created_at, now)) for event in found]
    write_list(options.form, (*COLUMNS, DATA) if with_data else COLUMNS, listed, cursor)


def seq_of(cursor: str) -> int:
    """Raises: UsageError."""
    if not cursor.isdecimal() or int(cursor) < 1:
        raise UsageError(f"{cursor!r} is no cursor of a list of events: give the one that such a list ended with")
    return int(cursor)


def event_json(event: EventInfo, *, with_data: bool) -> dict[str, Any]:
    shown = event.as_json()
    if not with_data:
        del shown["data"]
    return shown


def row_of(event: EventInfo, created_at: datetime, now: datetime) -> Row:
    return (
        Cell(str(event.seq)),
        Cell(str(event.turn)),
        Cell(clock(event.at, now), iso(event.at), style="dim"),
        Cell(f"+{span(round((event.at - created_at).total_seconds() * 1000))}", style="dim"),
        Cell(event.type),
        Cell(event.key),
        Cell(msgspec.json.encode(event.data).decode(), style="dim"),
    )
