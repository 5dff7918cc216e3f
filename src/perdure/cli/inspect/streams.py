"""`perdure inspect streams`: a run's streams. What is in them is for `perdure stream`."""

import click

from perdure.api.records import StreamInfo
from perdure.cli.completion import run_ids
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.page import of_run
from perdure.cli.place import Place, place_option
from perdure.cli.table import Cell, Column, Row
from perdure.inspector.stream import list_streams

COLUMNS = (Column("NAMESPACE", cut="right"), Column("CHUNKS"), Column("STATUS"))


@click.command(short_help="List a run's streams.")
@click.argument("run", shell_complete=run_ids)
@list_options(limit=100, data=False)
@place_option(of_run("streams"))
def streams(run: str, options: ListOptions, place: Place) -> None:
    """List the streams of the run RUN that somebody wrote, by name. `perdure stream RUN` writes what is in one.

    In a pipe a line has: namespace (empty for the default stream), number of chunks, open or closed.
    """

    page = place.look(
        lambda engine: list_streams(engine, run, options.asked), lambda remote: remote.streams(run, options.asked)
    )
    listed = [Listed(stream.as_json(), row_of(stream)) for stream in page.items]
    write_list(options.form, COLUMNS, listed, page.cursor)


def row_of(stream: StreamInfo) -> Row:
    default = stream.namespace is None
    return (
        Cell("(default)", "", style="dim") if default else Cell(stream.namespace or ""),
        Cell(str(stream.tail_index + 1)),
        Cell("closed", style="dim") if stream.closed else Cell("open", style="cyan"),
    )
