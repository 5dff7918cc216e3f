"""`perdure inspect children`: the runs that a run has started."""

from datetime import UTC, datetime

import click

from perdure.cli.completion import run_ids
from perdure.cli.inspect.runs import COLUMNS, row_of
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_run
from perdure.cli.place import Place, place_option
from perdure.inspector.runs import list_children


@click.command(short_help="List a run's children.")
@click.argument("run", shell_complete=run_ids)
@list_options(limit=20)
@place_option(of_run("family"))
def children(run: str, options: ListOptions, place: Place) -> None:
    """List the runs that the run RUN has started, the newest first, as `perdure inspect runs` does."""
    page = place.look(
        lambda engine: list_children(engine, run, options.asked), lambda remote: remote.children(run, options.asked)
    )
    now = datetime.now(UTC)
    listed = [Listed(view.as_json(), row_of(view, now)) for view in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)
