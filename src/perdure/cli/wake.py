"""`perdure wake`: ends a run's pending sleeps."""

import click

from perdure.cli.actor import by_option
from perdure.cli.completion import run_ids
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import run_named


@click.command(short_help="End a run's pending sleeps.")
@click.argument("run", shell_complete=run_ids)
@by_option
@world_option
def wake(run: str, by: str | None, world: str | None) -> None:
    """End the pending sleeps of the run RUN now, and write how many there were. Timeouts stay."""

    async def work(engine: Engine) -> None:
        run_id = await run_named(engine, run)
        count = await engine.wake_up(run_id, by)
        click.echo(count)
        if not count:
            click.echo(f"run {run_id} has no pending sleep", err=True)

    in_world(world, work)
