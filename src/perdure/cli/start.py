"""`perdure start`: a new run of a workflow, by its name alone; the code is the worker's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec
from msgspec import Raw

from perdure.api.launch import launch
from perdure.api.options import StartOptions
from perdure.api.outcome import result_of
from perdure.cli.arguments import encoded_arguments
from perdure.cli.completion import deployments, workflows
from perdure.cli.module import import_modules
from perdure.cli.parameter import ATTRIBUTE, DURATION
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.registry import REGISTRY
from perdure.inspector.reference import record_named
from perdure.replay.arguments import read_arguments


def start_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--key`, `--delay`, `--attr` and `--deployment`: the command gets them as `options`."""

    @wraps(command)
    def bundled(
        *,
        key: str | None,
        delay: int | None,
        attributes: tuple[tuple[str, str], ...],
        deployment: str | None,
        **others: Any,
    ) -> Any:
        options = StartOptions(
            idempotency_key=key,
            delay=None if delay is None else delay / 1000,
            attributes=dict(attributes),
            deployment=deployment,
        )
        return command(options=options, **others)

    for option in (
        click.option(
            "--deployment",
            metavar="NAME",
            shell_complete=deployments("latest"),
            help="Only workers of this deployment run it; `latest`: of the youngest one's.",
        ),
        click.option(
            "--attr",
            "attributes",
            metavar="KEY=VALUE",
            type=ATTRIBUTE,
            multiple=True,
            help="Label the run; repeatable.",
        ),
        click.option("--delay", type=DURATION, help="Begin that much later: 30s, 1h30m."),
        click.option("--key", help="Idempotency key: a second start with it finds the same run."),
    ):
        bundled = option(bundled)
    return bundled


@click.command(short_help="Start a run of a workflow.")
@click.argument("name", shell_complete=workflows)
@click.argument("json", required=False)
@click.option("--wait", is_flag=True, help="Wait for the end; write the result as JSON. Exit code 1 if the run failed.")
@start_options
@click.option(
    "--import",
    "modules",
    metavar="MODULE",
    multiple=True,
    help="Import it first, and check NAME and the arguments against what it defines; repeatable.",
)
@world_option
def start(
    name: str, json: str | None, wait: bool, options: StartOptions, modules: tuple[str, ...], world: str | None
) -> None:
    """Start a run of the workflow NAME (module:function), and write its id.

    JSON holds the arguments: an object by name, or an array by position; - reads it from standard input. When the
    command returns, the run is on disk; a worker that has the workflow's code runs it. Arguments that don't fit are
    refused where --import says what fits; else their run fails.

    \b
      perdure start app.orders:fulfil '{"order_id": "o-17"}' --key order:o-17
      perdure start app.orders:fulfil '["o-17"]' --wait
    """
    input = encoded_arguments(json)
    if modules:
        import_modules(modules)
        definition = REGISTRY.workflow(name)
        definition.bound(read_arguments(definition, Raw(input)))

    async def work(engine: Engine) -> None:
        run_id = await launch(engine, name, input, options)
        click.echo(run_id, err=wait)
        await tell_if_unserved(engine, await record_named(engine, run_id))
        if wait:
            result = result_of(run_id, await engine.end(run_id))
            click.echo(msgspec.json.format(bytes(result), indent=2))

    in_world(world, work, create=True)
