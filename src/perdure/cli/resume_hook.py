"""`perdure resume-hook`: sends a payload to who waits for it."""

import click

from perdure.api.hook import kind_of
from perdure.api.hook import resume_hook as resume
from perdure.cli.actor import by_option
from perdure.cli.arguments import json_value
from perdure.cli.completion import hook_tokens
from perdure.cli.module import import_modules
from perdure.cli.served import tell_if_unserved
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.engine.hook import find_hook
from perdure.errors import UsageError
from perdure.model.status import ENDED


@click.command("resume-hook", short_help="Send a payload to a hook.")
@click.argument("token", shell_complete=hook_tokens)
@click.argument("json", required=False)
@click.option(
    "--idempotency-key", "key", metavar="KEY", help="A second try with it, and the same payload, has no effect."
)
@click.option(
    "--import",
    "modules",
    metavar="MODULE",
    multiple=True,
    help="Import it first, and check the payload if it defines hooks of this kind (define_hook); repeatable.",
)
@by_option
@world_option
def resume_hook(
    token: str, json: str | None, key: str | None, modules: tuple[str, ...], by: str | None, world: str | None
) -> None:
    """Send the payload JSON (without it, null) to the hook with this TOKEN, and write its run's id.

    - reads the JSON from standard input. When the command returns, the payload is accepted: on disk and in order,
    whether the run waits, works or sleeps. One that doesn't fit is refused where --import says what fits; else it is
    recorded as rejected when it is delivered, and the hook waits on.

    \b
      perdure resume-hook approval:o-17 '{"approved": true}'
    """
    import_modules(modules)
    payload = json_value(json)
    if modules and kind_of(token) is None:
        names = ", ".join(modules)
        click.echo(f"{names} defines no hooks of this kind: the payload is checked when it is delivered", err=True)

    async def work(engine: Engine) -> None:
        found = await find_hook(engine, token, closed_too=key is not None)
        if found.record.webhook:
            raise UsageError("this token is a webhook's, which takes HTTP requests alone: send one to its URL")
        hook = await resume(token, payload, idempotency_key=key, by=by)
        click.echo(hook.run_id)
        run = await engine.world.read_run(found.record.run_id)
        if run is not None and run.status not in ENDED:
            await tell_if_unserved(engine, run)

    in_world(world, work)
