"""`perdure web`: the inspector's page, on this machine, of a World that others work on. It runs nothing itself."""

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from perdure.api.connect import CONNECTION, close, configure, shown_url
from perdure.cli.module import function_named, import_modules
from perdure.cli.server import App, address_of, listening, new_token, page_url, resolved, serving
from perdure.cli.worker import Stop, log_to_stderr
from perdure.cli.world import url_of, world_option
from perdure.errors import UsageError

PORT = 4321


class Options(NamedTuple):
    """As they were given. `fragment`: which view of the page."""

    host: str
    port: int
    opens: bool
    world: str | None
    read_only: bool = False
    authorize: str | None = None
    fragment: str = ""


@click.command(short_help="Look at runs in a browser.")
@click.argument("modules", metavar="[MODULE]...", nargs=-1)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="0: any that is free.")
@click.option("--read-only", is_flag=True, help="Nothing can be done to runs, only looked at.")
@click.option("--open", "opens", is_flag=True, help="Show the page in a browser.")
@click.option("--authorize", metavar="MODULE:FUNCTION", help="Says who may look and act; needed where others get in.")
@world_option
def web(modules: tuple[str, ...], **given: Any) -> None:
    """Serve the inspector's page, and the JSON API that it stands on, until a signal comes.

    It writes the page's URL to standard output, with the token that lets one in: who has it may look, and act, unless
    --read-only forbids that. No run is run here. Each MODULE is imported first: payloads for the kinds of hooks that it
    defines are checked, keys that it configures open what is sealed.

    \b
      perdure web --open
      perdure web app.orders --read-only
    """
    import_modules(modules)
    serve_inspector(Options(**given))


def serve_page(world: str | None, fragment: str, *, opens: bool) -> None:
    """Serve the inspector of a world at a port that is free, until a signal comes, and write the URL of a view.

    Raises: WorldError.
    """
    serve_inspector(Options("127.0.0.1", 0, opens, world, fragment=fragment))


def serve_inspector(options: Options) -> None:
    """Until a signal comes. Raises: WorldError, UsageError, AddressUnusable."""
    authorize = function_named(options.authorize) if options.authorize is not None else None
    address = resolved(options.host, options.port)
    if not address.is_local and authorize is None:
        raise UsageError(
            f"others can reach {options.host}, and nobody says what they may look at: give --authorize MODULE:FUNCTION"
        )
    token = new_token() if authorize is None else None
    app = app_of(authorize, token, read_only=options.read_only)
    with listening(address) as listener:
        log_to_stderr()
        asyncio.run(work(options, app, listener, token))


def app_of(authorize: Callable[..., Any] | None, token: str | None, *, read_only: bool) -> App:
    from perdure.http import with_token, wrap

    asked = authorize if token is None else with_token(token)

    def reading(request: Any, action: Any, target: Any) -> Any:
        return asked(request, action, target) if asked is not None and action == "inspect" else False

    return at_root(wrap(None, routes=("inspector",), authorize=reading if read_only else asked))


def at_root(app: App) -> App:
    """With a way from `/` to the page."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            query = scope["query_string"]
            location = b"inspector/" + (b"?" + query if query else b"")
            headers = [(b"location", location), (b"referrer-policy", b"no-referrer")]
            await send({"type": "http.response.start", "status": 307, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await app(scope, receive, send)

    return serve


async def work(options: Options, app: App, listener: socket.socket, token: str | None) -> None:
    """Until the first signal. Raises: WorldError."""
    from perdure.http.ending import ending

    url = url_of(options.world or CONNECTION.url)  # the modules may have configured it
    configure(world=url, work=False, keys=CONNECTION.keys, telemetry=CONNECTION.telemetry)
    CONNECTION.create = False
    address = address_of(listener)
    stop = Stop()
    try:
        await CONNECTION.engine()  # a world that isn't there is told now
        async with serving(app, listener) as server:
            server.ended.add_done_callback(lambda _: stop.asked.set())
            page = page_url(str(address), token, options.fragment)
            click.echo(page)
            click.echo(f"serving the inspector of {shown_url(url)}; Ctrl-C ends it", err=True)
            if options.opens:
                webbrowser.open(page)
            await stop.asked.wait()
            stop.hurry = server.hurry
            ending().set()
    finally:
        await close()
