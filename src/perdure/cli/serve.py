"""`perdure serve`: an HTTP server and a worker in one process, for apps that have none of their own.

What is served is `perdure.http`'s to say. Who may reach it is decided here: whoever is on this machine, or whom
`--authorize` lets in. The life cycle is here too, so that the worker has the concurrency and the grace that were asked for.
"""

import asyncio
import os
import socket
from typing import Any, NamedTuple

import click

from perdure.api.connect import CONNECTION, DEFAULT_URL, VARIABLE, close, configure, shown_url
from perdure.api.connect import base_url as known_base_url
from perdure.api.worker import worker as working
from perdure.cli.human import counted
from perdure.cli.module import function_named, load_workflows
from perdure.cli.parameter import DURATION
from perdure.cli.server import App, address_of, listening, new_token, page_url, resolved, serving
from perdure.cli.worker import Stop, drain_words, leave_stuck_threads, log_to_stderr
from perdure.cli.world import world_option
from perdure.engine.registry import REGISTRY
from perdure.errors import UsageError

ROUTES = ("webhook", "runs", "hooks", "streams", "health", "inspector")
UNASKED = ROUTES[:-1]
OPEN_TO_ALL = ("webhook", "health")
"""Made for strangers: a webhook's URL is its secret, and health says nothing of any run."""


class RoutesType(click.ParamType):  # pyright: ignore[reportMissingTypeArgument] - generic from 8.5 on only
    """`webhook,runs`."""

    name = "routes"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        unknown = [name for name in names if name not in ROUTES]
        if unknown:
            self.fail(f"{', '.join(map(repr, unknown))}: there are {', '.join(ROUTES)}.", param, ctx)
        return names


class Options(NamedTuple):
    """As they were given."""

    host: str
    port: int
    routes: tuple[str, ...]
    authorize: str | None
    base_url: str | None
    concurrency: int
    grace: int
    deployment: str | None
    world: str | None


@click.command(short_help="Serve HTTP, and run workflows.")
@click.argument("modules", metavar="MODULE...", nargs=-1, required=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0: any that is free.")
@click.option(
    "--routes",
    type=RoutesType(),
    metavar="NAME,...",
    default=",".join(UNASKED),
    show_default=True,
    help="What to serve.",
)
@click.option("--authorize", metavar="MODULE:FUNCTION", help="Says who may do what; needed where others get in.")
@click.option("--base-url", metavar="URL", help="What the URLs of webhooks begin with. [env: PERDURE_BASE_URL]")
@click.option(
    "--concurrency", type=click.IntRange(min=1), metavar="N", default=100, show_default=True, help="Steps at once."
)
@click.option(
    "--grace", type=DURATION, default="30s", show_default=True, help="How long running steps may take to end at a stop."
)
@click.option("--deployment", metavar="NAME", help="Names this code, and pins to it the runs that it starts.")
@world_option
def serve(modules: tuple[str, ...], **given: Any) -> None:
    """Import each MODULE, run the runs of the workflows that it defines, and serve HTTP: start and follow runs, send
    payloads, take webhooks.

    At 127.0.0.1 whoever is on this machine may do all; at any other address --authorize says who may. At SIGTERM or
    SIGINT (Ctrl-C) streams end at once, requests soon, and then the worker drains, as `perdure worker` does.

    \b
      perdure serve app.orders
      curl -d '{"id": 17}' http://127.0.0.1:8000/workflows/app.orders:fulfil/runs
    """
    options = Options(**given)
    load_workflows(modules)
    authorize = function_named(options.authorize) if options.authorize is not None else None
    address = resolved(options.host, options.port)
    if not address.is_local and authorize is None:
        refuse_strangers(options)
    token = new_token() if authorize is None and "inspector" in options.routes else None
    app = app_of(options.routes, authorize, token, local=address.is_local)
    with listening(address) as listener:
        log_to_stderr()
        asyncio.run(work(options, app, listener, token))
    leave_stuck_threads()


def refuse_strangers(options: Options) -> None:
    """Raises: UsageError where they could use what isn't made for them."""
    closed = [name for name in options.routes if name not in OPEN_TO_ALL]
    if closed:
        raise UsageError(
            f"others can reach {options.host}, and nobody says what they may do with {', '.join(closed)}: "
            f"give --authorize MODULE:FUNCTION, or serve only --routes {','.join(OPEN_TO_ALL)}"
        )


def app_of(routes: tuple[str, ...], authorize: Any, token: str | None, *, local: bool) -> App:
    """`token`: what the inspector asks for, beside loopback."""
    from perdure.http import loopback, with_token, wrap

    keeper = loopback if token is None else with_token(token)

    def here(request: Any, action: Any, target: Any) -> Any:
        return (keeper if action in ("inspect", "act") else loopback)(request, action, target)

    return wrap(None, routes=routes, authorize=authorize or (here if local else None))


async def work(options: Options, app: App, listener: socket.socket, token: str | None) -> None:
    """Until the first signal. Raises: WorldError."""
    from perdure.http.ending import ending

    url = options.world or CONNECTION.url or os.environ.get(VARIABLE) or DEFAULT_URL
    address = address_of(listener)
    base_url = options.base_url or known_base_url() or (str(address) if address.is_local else None)
    given = CONNECTION
    configure(
        world=url,
        work=False,
        base_url=base_url,
        deployment=options.deployment or given.deployment,
        retention=given.retention,
        keys=given.keys,
        capture_logs=given.capture_logs,
        telemetry=given.telemetry,
    )
    stop = Stop()
    try:
        async with working(concurrency=options.concurrency, grace=options.grace / 1000) as at_work:
            async with serving(app, listener) as server:
                server.ended.add_done_callback(lambda _: stop.asked.set())
                workflows = counted(len(REGISTRY.served), "workflow")
                click.echo(f"serving {address}, running {workflows} in {shown_url(url)}", err=True)
                if "inspector" in options.routes:
                    click.echo(f"inspector: {page_url(str(address), token)}", err=True)
                await stop.asked.wait()
                stop.hurry = lambda: (server.hurry(), at_work.steps.close())[-1]
                ending().set()
            click.echo(drain_words(at_work, options.grace), err=True)
    finally:
        await close()
    click.echo("drained", err=True)
