"""`perdure inspect waits`: a run's sleeps and timeouts."""

from datetime import UTC, datetime

import click

from perdure.api.records import WaitInfo
from perdure.cli.completion import run_ids
from perdure.cli.human import age, clock, iso
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_run
from perdure.cli.place import Place, place_option
from perdure.cli.table import WIDE, Cell, Column, Row, span_cell
from perdure.inspector.wait import list_waits

COLUMNS = (
    Column("KIND"),
    Column("STATUS"),
    Column("DUE"),
    Column("LEFT", piped=False),
    Column("BEGUN", room=WIDE),
    Column("TOOK"),
    Column("KEY", cut="left"),
)
STYLES = {"waiting": "cyan", "completed": "green", "woken": "yellow", "cancelled": "magenta"}


@click.command(short_help="List a run's sleeps and timeouts.")
@click.argument("run", shell_complete=run_ids)
@list_options(limit=100, data=False)
@place_option(of_run())
def waits(run: str, options: ListOptions, place: Place) -> None:
    """List the sleeps and timeouts of the run RUN, in the order in which they began.

    In a pipe a line has: kind, status, due, begun, duration in ms, key.
    """

    page = place.look(
        lambda engine: list_waits(engine, run, options.asked), lambda remote: remote.waits(run, options.asked)
    )
    now = datetime.now(UTC)
    listed = [Listed(wait.as_json(), row_of(wait, now)) for wait in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)


def row_of(wait: WaitInfo, now: datetime) -> Row:
    took_ms = None if wait.completed_at is None else round((wait.completed_at - wait.created_at).total_seconds() * 1000)
    return (
        Cell(wait.kind),
        Cell(wait.status, style=STYLES[wait.status]),
        Cell(clock(wait.due_at, now), iso(wait.due_at)),
        Cell(left(wait, now)),
        Cell(clock(wait.created_at, now), iso(wait.created_at), style="dim"),
        span_cell(took_ms),
        Cell(wait.key, style="dim"),
    )


def left(wait: WaitInfo, now: datetime) -> str:
    """What is still to come of it: `2 h`; `0 s` where it is due; nothing once it is over."""
    return age(now, max(wait.due_at, now)) if wait.status == "waiting" else ""
