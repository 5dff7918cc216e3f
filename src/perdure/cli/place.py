"""Where a command looks: into a world, or at an inspector elsewhere; and whether in the terminal, or on the page."""

import sys
import webbrowser
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, NamedTuple, TypeVar

import click

from perdure.cli.client import Client
from perdure.cli.page import View, ViewOf
from perdure.cli.remote import Remote
from perdure.cli.server import page_url
from perdure.cli.web import serve_page
from perdure.cli.world import in_world, world_option
from perdure.engine.engine import Engine
from perdure.inspector.reference import record_named

T = TypeVar("T")
URL_HELP = "Ask the inspector there, by the URL that `perdure web` wrote. [env for its token: PERDURE_TOKEN]"


class Place(NamedTuple):
    """`client` None: the world, of the option or else as everywhere."""

    world: str | None
    client: Client | None = None

    def look(self, here: Callable[[Engine], Awaitable[T]], there: Callable[[Remote], T]) -> T:
        """What one of the two gives. Raises: WorldError, InspectorUnusable, InspectorRefused, as they."""
        if self.client is None:
            return in_world(self.world, here)
        return there(Remote(self.client))

    def show(self, view: View) -> None:
        """Write the URL of the page; on a terminal open it in a browser. Of a world it is served, until a signal comes.

        Raises: as `look`.
        """
        if view.run is not None:
            view = view._replace(run=self.look(_run_id(view.run), lambda remote: remote.run_id(view.run or "")))
        opens = sys.stdout.isatty()
        if self.client is None:
            serve_page(self.world, view.fragment, opens=opens)
            return
        page = page_url(self.client.server, self.client.token, view.fragment)
        click.echo(page)
        if opens:
            webbrowser.open(page)


def place_option(view_of: ViewOf) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds `--world`, `--url` and `--web`: the command gets the first two as `place`, and isn't called with the last."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def bundled(*, world: str | None, url: str | None, web: bool, **given: Any) -> Any:
            if world is not None and url is not None:
                raise click.UsageError("--world and --url are two places to look at: leave one out.")
            place = Place(world, None if url is None else Client(url))
            return place.show(view_of(given)) if web else command(place=place, **given)

        for option in (
            click.option("--web", is_flag=True, help="Show it on the inspector's page instead."),
            click.option("--url", metavar="URL", help=URL_HELP),
            world_option,
        ):
            bundled = option(bundled)
        return bundled

    return add


def _run_id(run: str) -> Callable[[Engine], Awaitable[str]]:
    async def work(engine: Engine) -> str:
        return (await record_named(engine, run)).run_id

    return work
