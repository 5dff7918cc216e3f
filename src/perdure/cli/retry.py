"""`perdure retry`: lets a blocked or failed run go on in place."""

import click

from perdure.cli.actor import by_option
from perdure.cli.completion import run_ids
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named


@click.command(short_help="Let a blocked or failed run go on.")
@click.argument("run", shell_complete=run_ids)
@by_option
@world_option
def retry(run: str, by: str | None, world: str | None) -> None:
    """Let the blocked run RUN try again, or a failed one go on from its failed step.

    The run keeps its id, what it has done, and the ids of its steps. Where there is no step to go on from, the
    sentence says so: use `perdure rerun`.
    """

    async def work(engine: Engine) -> None:
        record = await record_named(engine, run)
        await engine.retry(record.run_id, by)
        click.echo(f"run {record.run_id} goes on", err=True)
        await tell_if_unserved(engine, record)

    in_world(world, work)
