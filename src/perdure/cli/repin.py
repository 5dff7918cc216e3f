"""`perdure repin`: lets workers of another deployment have runs."""

import click

from perdure.cli.actor import by_option
from perdure.cli.completion import deployments, run_ids
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named


@click.command(short_help="Let workers of another deployment have runs.")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, shell_complete=run_ids)
@click.option(
    "--deployment",
    metavar="NAME",
    required=True,
    shell_complete=deployments("latest", "any"),
    help="Whose workers; `latest`: of the youngest one's; `any`: all.",
)
@by_option
@world_option
def repin(runs: tuple[str, ...], deployment: str, by: str | None, world: str | None) -> None:
    """Move each RUN to the workers of another deployment, whose code has to fit its log.

    Its present owner loses it at once. A run that is blocked stays so: `perdure retry` lets it try again.

    \b
      perdure repin wrun_01KB4 --deployment 2026-01-31.2
    """

    async def work(engine: Engine) -> None:
        for run in runs:
            run_id = (await record_named(engine, run)).run_id
            moved = await engine.repin(run_id, deployment, by)
            record = await record_named(engine, run_id)
            where = f"is pinned to {record.pin}" if record.pin else "isn't pinned"
            click.echo(f"run {run_id} {where}{'' if moved else ', as before'}", err=True)
            await tell_if_unserved(engine, record)

    in_world(world, work)
