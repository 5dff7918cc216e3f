"""`perdure inspect streams`: a run's streams. What is in them is for `perdure stream`."""

import click

from perdure.api.records import StreamInfo
from perdure.api.run import get_run
from perdure.cli.listing import Listed, ListOptions, list_options, write_list
from perdure.cli.place import items_at
from perdure.cli.reference import record_named
from perdure.cli.table import Cell, Column, Row
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine

COLUMNS = (Column("NAMESPACE", cut="right"), Column("CHUNKS"), Column("STATUS"))


@click.command(short_help="List a run's streams.")
@click.argument("run")
@list_options(limit=100, data=False)
@world_option
def streams(run: str, options: ListOptions, world: str | None) -> None:
    """List the streams of the run RUN that somebody wrote, by name. `perdure stream RUN` writes what is in one.

    In a pipe a line has: namespace (empty for the default stream), number of chunks, open or closed.
    """

    async def work(engine: Engine) -> tuple[list[StreamInfo], str | None]:
        record = await record_named(engine, run)
        page, cursor = items_at(options, (await get_run(record.run_id).streams()).items, "streams")
        return list(page), cursor

    found, cursor = in_world(world, work)
    write_list(options.form, COLUMNS, [Listed(stream.as_json(), row_of(stream)) for stream in found], cursor)


def row_of(stream: StreamInfo) -> Row:
    default = stream.namespace is None
    return (
        Cell("(default)", "", style="dim") if default else Cell(stream.namespace or ""),
        Cell(str(stream.tail_index + 1)),
        Cell("closed", style="dim") if stream.closed else Cell("open", style="cyan"),
    )
