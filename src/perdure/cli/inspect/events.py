"""`perdure inspect events`: a run's log."""

from datetime import UTC, datetime

import click
import msgspec

from perdure.cli.completion import run_ids
from perdure.cli.human import clock, iso, span
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_run
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, Cell, Column, Row
from perdure.inspector.event import EventView, list_events

COLUMNS = (
    Column("SEQ"),
    Column("TURN", room=USUAL),
    Column("AT"),
    Column("AFTER", room=USUAL, piped=False),
    Column("TYPE"),
    Column("KEY", cut="left"),
)
DATA = Column("DATA", cut="right", folds=True)


@click.command(short_help="List a run's events.")
@click.argument("run", shell_complete=run_ids)
@list_options(limit=200)
@place_option(of_run("events"))
def events(run: str, options: ListOptions, place: Place) -> None:
    """List the events of the run RUN, in the order of its log.

    In a pipe a line has: seq, turn, time, type, key, and with --with-data the event's data as JSON.
    """
    page = place.look(
        lambda engine: list_events(engine, run, options.asked), lambda remote: remote.events(run, options.asked)
    )
    now = datetime.now(UTC)
    listed = [Listed(event.as_json(), row_of(event, now)) for event in page.items]
    write_list(options.form, (*COLUMNS, DATA) if options.asked.with_data else COLUMNS, listed, page.cursor)


def row_of(view: EventView, now: datetime) -> Row:
    event = view.info
    return (
        Cell(str(event.seq)),
        Cell(str(event.turn)),
        Cell(clock(event.at, now), iso(event.at), style="dim"),
        Cell(f"+{span(view.after_ms)}", style="dim"),
        Cell(event.type),
        Cell(event.key),
        Cell(msgspec.json.encode(event.data).decode(), style="dim"),
    )
