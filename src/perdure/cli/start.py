"""`perdure start`: a new run of a workflow, by its name alone; the code is the worker's."""

import click
import msgspec

from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.outcome import result_of
from perdure.cli.arguments import encoded_arguments
from perdure.cli.completion import deployments, workflows
from perdure.cli.parameter import ATTRIBUTE, DURATION
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named


@click.command(short_help="Start a run of a workflow.")
@click.argument("name", shell_complete=workflows)
@click.argument("json", required=False)
@click.option("--wait", is_flag=True, help="Wait for the end; write the result as JSON. Exit code 1 if the run failed.")
@click.option("--key", help="Idempotency key: a second start with it finds the same run.")
@click.option("--delay", type=DURATION, help="Begin that much later: 30s, 1h30m.")
@click.option(
    "--attr", "attributes", metavar="KEY=VALUE", type=ATTRIBUTE, multiple=True, help="Label the run; repeatable."
)
@click.option(
    "--deployment",
    metavar="NAME",
    shell_complete=deployments("latest"),
    help="Only workers of this deployment run it; `latest`: of the youngest one's.",
)
@world_option
def start(
    name: str,
    json: str | None,
    wait: bool,
    key: str | None,
    delay: int | None,
    attributes: tuple[tuple[str, str], ...],
    deployment: str | None,
    world: str | None,
) -> None:
    """Start a run of the workflow NAME (module:function), and write its id.

    JSON holds the arguments: an object by name, or an array by position; - reads it from standard input. When the
    command returns, the run is on disk; a worker that has the workflow's code runs it.

    \b
      perdure start app.orders:fulfil '{"order_id": "o-17"}' --key order:o-17
      perdure start app.orders:fulfil '["o-17"]' --wait
    """
    input = encoded_arguments(json)
    options = StartOptions(
        idempotency_key=key,
        delay=None if delay is None else delay / 1000,
        attributes=dict(attributes),
        deployment=deployment,
    )

    async def work(engine: Engine) -> None:
        run_id = await launch(engine, name, input, options)
        click.echo(run_id, err=wait)
        await tell_if_unserved(engine, await record_named(engine, run_id))
        if wait:
            result = result_of(run_id, await engine.end(run_id))
            click.echo(msgspec.json.format(bytes(result), indent=2))

    in_world(world, work, create=True)
