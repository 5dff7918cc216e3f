"""`perdure cancel`: asks a run to end, or ends it."""

import click

from perdure.cli.actor import by_option
from perdure.cli.completion import run_ids
from perdure.cli.parameter import DURATION
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named


@click.command(short_help="Cancel a run.")
@click.argument("run", shell_complete=run_ids)
@click.option("--now", is_flag=True, help="End it at once, without its cleanup.")
@click.option("--grace", type=DURATION, help="How long its cleanup may take; then it is ended: 30s, 5m.")
@click.option("--reason", metavar="TEXT", help="Shown with the run.")
@by_option
@world_option
def cancel(run: str, now: bool, grace: int | None, reason: str | None, by: str | None, world: str | None) -> None:
    """Ask the run RUN to end: its workflow is cancelled where it waits, cleanup and compensation run, children follow.

    Without --grace it takes the time that it needs. A blocked run is ended without its code. A run that has ended is
    left as it is.
    """
    if now and grace is not None:
        raise click.UsageError("--now is a grace of 0: leave --grace out.")
    grace_ms = 0 if now else grace

    async def work(engine: Engine) -> str:
        run_id = (await record_named(engine, run)).run_id
        accepted = await engine.cancel(run_id, reason, grace_ms, by)
        status = (await record_named(engine, run_id)).status
        if not accepted:
            return f"run {run_id} has ended already: it is {status}"
        return f"run {run_id} is cancelled" if status == "cancelled" else f"run {run_id} was asked to end"

    click.echo(in_world(world, work), err=True)
