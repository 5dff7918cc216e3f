"""Paths of requests, segment by segment, and which of them a route is for."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

from starlette.responses import Response
from starlette.types import Scope

from perdure.http.call import Call

Handler = Callable[[Call], Awaitable[Response]]
Path = tuple[str, ...]
VARIABLE = "{}"
"""Stands for the one segment of a path that varies."""


class Route(NamedTuple):
    """`method` None: any. Routes under the well-known path stay there, whatever the prefix: it is part of URLs given out."""

    path: Path
    method: str | None
    handler: Handler
    rooted: bool = False

    def takes(self, method: str) -> bool:
        return self.method in (None, method) or (self.method, method) == ("GET", "HEAD")


def parameter_of(pattern: Path, path: Path) -> str | None:
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
