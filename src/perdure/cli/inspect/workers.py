"""`perdure inspect workers`: who runs runs."""

from datetime import UTC, datetime

import click

from perdure.cli.human import age, clock, iso
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_all
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, WIDE, Cell, Column, Row
from perdure.inspector.worker import WorkerInfo, list_workers

COLUMNS = (
    Column("WORKER"),
    Column("LEASE"),
    Column("UNTIL", room=WIDE),
    Column("RUNS"),
    Column("PID", room=USUAL),
    Column("DEPLOYMENT", cut="right"),
    Column("QUEUES", cut="right", room=WIDE),
    Column("WORKFLOWS", cut="right", room=WIDE),
)


@click.command(short_help="List workers.")
@list_options(limit=100, data=False)
@place_option(of_all("workers"))
def workers(options: ListOptions, place: Place) -> None:
    """List the workers that have a lease, or still own runs, the last to come first.

    In a pipe a line has: id, live or lapsed, the lease's end, number of runs, process id, deployment, queues and
    workflows, with commas between them.
    """
    page = place.look(lambda engine: list_workers(engine, options.asked), lambda remote: remote.workers(options.asked))
    now = datetime.now(UTC)
    listed = [Listed(worker.as_json(), row_of(worker, now)) for worker in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)


def row_of(worker: WorkerInfo, now: datetime) -> Row:
    until = worker.lease_until
    return (
        Cell(worker.worker_id),
        Cell("live", style="green") if worker.leased else Cell("lapsed", style="red"),
        Cell(clock(until, now) if until > now else f"{age(until, now)} ago", iso(until), style="dim"),
        Cell(str(worker.runs)),
        Cell("" if worker.pid is None else str(worker.pid)),
        Cell(worker.deployment),
        Cell(", ".join(worker.queues), ",".join(worker.queues)),
        Cell(", ".join(worker.workflows), ",".join(worker.workflows)),
    )
