"""`perdure export`: a run's log as a file, for the repository and `check --against`."""

from pathlib import Path

import click

from perdure.cli.completion import run_ids
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.log import read_log
from perdure.errors import UsageError
from perdure.inspector.reference import record_named
from perdure.testing.gate.history import history_file


@click.command(short_help="Write a run's history to a file.")
@click.argument("run", shell_complete=run_ids)
@click.option("--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Where to; else standard output.")
@click.option("--open", "opened", is_flag=True, help="Write sealed payloads in plain text: needs their keys.")
@world_option
def export(run: str, output: Path | None, opened: bool, world: str | None) -> None:
    """Write the log of RUN, for `perdure check --against`: a line of JSON for each event.

    The file has the inputs and results of the workflow and its steps, and what hooks received, in plain text. What is
    encrypted in the world stays so, unless `--open` is given.
    """

    async def work(engine: Engine) -> bytes:
        record = await record_named(engine, run)
        return history_file(await read_log(engine.world, record.run_id), engine.keys, opened=opened)

    data = in_world(world, work)
    if output is None:
        click.echo(data, nl=False)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}") from None
