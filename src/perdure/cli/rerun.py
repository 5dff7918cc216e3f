"""`perdure rerun`: a new run with an old one's input."""

import click

from perdure.api.run import get_run
from perdure.cli.actor import by_option
from perdure.cli.completion import run_ids
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named


@click.command(short_help="Start a new run with an old one's input.")
@click.argument("run", shell_complete=run_ids)
@by_option
@world_option
def rerun(run: str, by: str | None, world: str | None) -> None:
    """Start a new run of the same workflow with the same input as RUN, and write its id."""

    async def work(engine: Engine) -> None:
        record = await record_named(engine, run)
        again = await get_run(record.run_id).rerun(by=by)
        click.echo(again.run_id)
        await tell_if_unserved(engine, await record_named(engine, again.run_id))

    in_world(world, work)
