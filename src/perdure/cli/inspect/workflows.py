"""`perdure inspect workflows`: who serves them, and how their newest runs went."""

import click

from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_all
from perdure.cli.place import Place, place_option
from perdure.cli.table import USUAL, WIDE, Cell, Column, Row, span_cell
from perdure.inspector.workflow import SAMPLE, WorkflowInfo, list_workflows

COUNTED = ("pending", "running", "blocked", "failed", "cancelled", "completed")
COLUMNS = (
    Column("WORKFLOW", cut="left"),
    Column("WORKERS"),
    Column("LAST HOUR", room=USUAL),
    *(
        Column(status.upper(), room=WIDE if status in ("pending", "cancelled", "completed") else 0)
        for status in COUNTED
    ),
    Column("P50", room=WIDE),
    Column("P95"),
)


@click.command(short_help="List workflows.")
@list_options(limit=100, data=False)
@place_option(of_all("workflows"))
def workflows(options: ListOptions, place: Place) -> None:
    """List the workflows that a live worker serves, or that have recent runs, by name, with figures of the newest 200
    runs of each.

    In a pipe a line has: name, live workers, runs started in the last hour, how many are pending, running, blocked,
    failed, cancelled and completed, and of completed ones the median and the 95th percentile of the duration, in ms.
    """
    page = place.look(
        lambda engine: list_workflows(engine, options.asked), lambda remote: remote.workflows(options.asked)
    )
    listed = [Listed(workflow.as_json(), row_of(workflow)) for workflow in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)


def row_of(workflow: WorkflowInfo) -> Row:
    started = workflow.started_last_hour
    return (
        Cell(workflow.name),
        Cell(str(workflow.workers), style="" if workflow.workers else "yellow"),
        Cell(f"{started}+" if started == SAMPLE else str(started), str(started)),
        *(Cell(str(workflow.counts.get(status, 0)), style=_style(status, workflow)) for status in COUNTED),
        span_cell(workflow.p50_ms),
        span_cell(workflow.p95_ms),
    )


def _style(status: str, workflow: WorkflowInfo) -> str:
    return "red" if status in ("failed", "blocked") and workflow.counts.get(status) else ""
