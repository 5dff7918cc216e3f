"""Which paths are perdure's, by the names of their routes, and who answers them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.responses import Response
from starlette.types import Scope

from perdure.api.webhook import ROUTE
from perdure.errors import UsageError
from perdure.http.answer import answered
from perdure.http.call import Call
from perdure.http.health import show_health
from perdure.http.hook import send_payload
from perdure.http.openapi import openapi
from perdure.http.run import cancel_run, show_run, start_run
from perdure.http.stream import read_stream
from perdure.http.webhook import take_request

Handler = Callable[[Call], Awaitable[Response]]
Path = tuple[str, ...]
VARIABLE = ""
"""Stands for the one segment of a path that varies."""


class Route(NamedTuple):
    """`method` None: any. Routes under the well-known path stay there, whatever the prefix: it is part of URLs given out."""

    path: Path
    method: str | None
    handler: Handler
    rooted: bool = False

    def takes(self, method: str) -> bool:
        return self.method in (None, method) or (self.method, method) == ("GET", "HEAD")


class Routes:
    """Those that were named. Raises: UsageError for names that aren't any, and a prefix that can't be one."""

    def __init__(self, names: Sequence[str], prefix: str) -> None:
        if isinstance(names, str) or not set(names) <= ROUTES.keys():
            unknown = names if isinstance(names, str) else ", ".join(sorted(set(names) - ROUTES.keys()))
            raise UsageError(f"routes={unknown!r}: there are {', '.join(ROUTES)}; give a tuple of these")
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise UsageError(f"prefix={prefix!r} begins no path: write it as '/perdure', or leave it out")
        before = segments_of(prefix)
        self._routes = [
            route if route.rooted else route._replace(path=before + route.path)
            for name in dict.fromkeys(names)
            for route in ROUTES[name]
        ]
        if "runs" in names:
            document = answered(openapi(names, prefix))
            self._routes.append(Route((*before, "openapi", "perdure.json"), "GET", _always(document)))

    def find(self, scope: Scope) -> tuple[Route, str] | None:
        """The route for a request's path, and what the path holds in its variable place; None: it isn't ours."""
        path = path_of(scope)
        for route in self._routes:
            parameter = _parameter(route.path, path)
            if parameter is not None:
                return route, parameter
        return None


def _parameter(pattern: Path, path: Path) -> str | None:
    """Empty for a pattern that doesn't vary; None where the path is none of its."""
    if len(pattern) != len(path):
        return None
    parameter = ""
    for wanted, given in zip(pattern, path, strict=True):
        if wanted == VARIABLE and given:
            parameter = given
        elif wanted != given or wanted == VARIABLE:
            return None
    return parameter


def path_of(scope: Scope) -> Path:
    """The segments of a request's path, decoded each by itself: an escaped slash is part of a token, not of the path.

    Empty for a path that is no UTF-8. What the app is mounted under is left out.
    """
    path, root, raw = scope["path"], scope.get("root_path", ""), scope.get("raw_path") or b""
    text = raw.decode("latin-1")
    if unquote(text) != path:  # not given, or somebody has rewritten the path
        text = quote(path)
    mounted = root and f"{path}/".startswith(f"{root.rstrip('/')}/")
    try:
        return segments_of(text)[len(segments_of(root)) if mounted else 0 :]
    except UnicodeDecodeError:
        return ()


def segments_of(path: str) -> Path:
    return tuple(unquote(segment, errors="strict") for segment in path.split("/")[1:])


def _always(response: Response) -> Handler:
    async def answer(call: Call) -> Response:
        return response

    return answer


ROUTES: dict[str, tuple[Route, ...]] = {
    "webhook": (Route((*segments_of(ROUTE)[:-1], VARIABLE), None, take_request, rooted=True),),
    "runs": (
        Route(("workflows", VARIABLE, "runs"), "POST", start_run),
        Route(("runs", VARIABLE), "GET", show_run),
        Route(("runs", VARIABLE, "cancel"), "POST", cancel_run),
    ),
    "hooks": (Route(("hooks", VARIABLE), "POST", send_payload),),
    "streams": (Route(("runs", VARIABLE, "stream"), "GET", read_stream),),
    "health": (Route(("health",), "GET", show_health),),
}
