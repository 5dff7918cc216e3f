"""`perdure db prune`: removes runs that ended long ago."""

import click

from perdure.api.connect import RETENTION_VARIABLE, retention_ms
from perdure.cli.human import counted, span
from perdure.cli.parameter import DURATION
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.retention import prunable
from perdure.engine.retention import prune as remove
from perdure.errors import UsageError


@click.command(short_help="Remove runs that ended long ago.")
@click.option("--older-than", type=DURATION, help=f"Runs that ended so long ago. [env: {RETENTION_VARIABLE}]")
@click.option("--dry-run", is_flag=True, help="Remove nothing, only count.")
@world_option
def prune(older_than: int | None, dry_run: bool, world: str | None) -> None:
    """Remove runs that ended long ago, with their logs, hooks and streams, and write how many there were.

    A run is kept as long as the run that started it. Idempotency keys are free again when their run is removed. Workers
    do the same by themselves where a retention is configured.

    \b
      perdure db prune --older-than 30d --dry-run
    """
    ended_for_ms = older_than if older_than is not None else retention_ms()
    if older_than is None and not ended_for_ms:
        raise UsageError(f"nobody said which runs are old: give --older-than 30d, or set {RETENTION_VARIABLE}")

    async def work(engine: Engine) -> int:
        return await (prunable if dry_run else remove)(engine.world, ended_for_ms)

    count = in_world(world, work)
    said = "would be removed" if dry_run else "removed"
    click.echo(count)
    click.echo(f"{said}: {counted(count, 'run')} that ended {span(ended_for_ms)} ago or earlier", err=True)
