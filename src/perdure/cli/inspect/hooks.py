"""`perdure inspect hooks`: where payloads are waited for, in one run, or in all."""

from datetime import UTC, datetime

import click
import msgspec

from perdure.api.records import HookInfo
from perdure.cli.completion import run_ids
from perdure.cli.human import age, clock, iso
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_all
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, WIDE, Cell, Column, Row
from perdure.inspector.hook import HookView, list_hooks

CREATED = Column("CREATED", room=WIDE)
EVERYWHERE = (
    Column("TOKEN"),
    Column("RUN", room=USUAL),
    Column("WORKFLOW", cut="left", room=WIDE),
    Column("KIND", room=WIDE),
    CREATED,
    Column("AGE", piped=False),
    Column("EXPIRES", room=WIDE),
)
OF_A_RUN = (
    Column("TOKEN"),
    Column("KIND", room=USUAL),
    Column("STATUS"),
    Column("PAYLOADS", room=USUAL),
    Column("REJECTED"),
    CREATED,
    Column("AGE", piped=False),
    Column("EXPIRES"),
)
METADATA = Column("METADATA", cut="right", folds=True)
STYLES = {"waiting": "cyan", "conflict": "red", "expired": "yellow", "disposed": "dim", "ended": "dim"}


@click.command(short_help="List hooks.")
@click.argument("run", required=False, shell_complete=run_ids)
@list_options(limit=100)
@place_option(of_all("hooks"))
def hooks(run: str | None, options: ListOptions, place: Place) -> None:
    """List the hooks of the run RUN, in the order of their creation; without RUN all that wait for a payload, those of
    the newest run first.

    In a pipe a line has: token, run, workflow, kind, created, expires; of one run: token, kind, status, payloads,
    rejected payloads, created, expires. With --with-data the metadata follows, as JSON.
    """

    page = place.look(
        lambda engine: list_hooks(engine, run, options.asked), lambda remote: remote.hooks(run, options.asked)
    )
    now, columns = datetime.now(UTC), EVERYWHERE if run is None else OF_A_RUN
    row_of = row_among_all if run is None else row_in_run
    listed = [Listed(hook.as_json(), row_of(hook, now)) for hook in page.items]
    write_list(options.form, (*columns, METADATA) if options.asked.with_data else columns, listed, page.cursor)


def row_among_all(hook: HookView, now: datetime) -> Row:
    token, kind, created, ago, expires, metadata = _cells(hook, now)
    return (token, Cell(hook.info.run_id), Cell(hook.workflow), kind, created, ago, expires, metadata)


def row_in_run(hook: HookView, now: datetime) -> Row:
    token, kind, *rest = _cells(hook, now)
    info, rejected = hook.info, hook.rejected or 0
    status = Cell(info.status, style=STYLES[info.status])
    refused = Cell(str(rejected), style="red" if rejected else "")
    return (token, kind, status, Cell(str(info.received or 0)), refused, *rest)


def expiry_cell(info: HookInfo, now: datetime) -> Cell:
    at = info.expires_at
    if at is None:
        return Cell("never", "", style="dim")
    return Cell(age(at, now) if at > now else f"{age(at, now)} ago", iso(at))


def _cells(hook: HookView, now: datetime) -> tuple[Cell, Cell, Cell, Cell, Cell, Cell]:
    info = hook.info
    return (
        Cell(info.token),
        Cell("webhook" if info.webhook else "hook"),
        Cell(clock(info.created_at, now), iso(info.created_at), style="dim"),
        Cell(age(info.created_at, now)),
        expiry_cell(info, now),
        Cell(msgspec.json.encode(info.metadata).decode(), style="dim"),
    )
