"""Who may do what: one question for every management route, asked before anything is looked up.

Nobody may, where nobody was named to answer. An answer that is none of True, False and None, or an exception, is never
a pass.
"""

import inspect
from collections.abc import Awaitable, Callable
from hmac import compare_digest
from ipaddress import ip_address
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from starlette.requests import Request

from perdure.errors import HookNotFound, RunNotFound, WorldError
from perdure.http.body import of_this_site
from perdure.http.problem import Problem

Action = Literal[
    "run:start", "run:read", "run:cancel", "hook:resume", "stream:read", "stream:write", "inspect", "act"
]  # fmt: skip
"""What somebody asks for."""


class Target(NamedTuple):
    """What the action is about. `id` is the workflow's whole name, the run's id, or the hook's token; empty for what is
    about all runs, as the inspector's lists are: the kind is "world" then. For `stream:read` it is the run."""

    kind: Literal["workflow", "run", "hook", "world"]
    id: str


TOKEN = "token"
"""The parameter of the query that may hold one."""
Verdict = bool | None
Authorize = Callable[[Request, Action, Target], Verdict | Awaitable[Verdict]]
"""Asked before anything is looked up. True lets the request through; False is 403; None is 401: credentials are missing.
Anything else that it returns, or raises, is a 500, logged, and never lets anybody through: but for RunNotFound,
HookNotFound and WorldError, which it may find when it looks the target up. The request has headers, cookies, address and
query, but no body: that is read later, within limits."""


class AuthorizeFailed(Exception):
    """`authorize` gave no answer that counts. Field: `reason`."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"authorize {reason}: return True, False, or None where credentials are missing")


async def check(authorize: Authorize | None, request: Request, action: Action, target: Target) -> None:
    """Raises: Problem (401 for None, 403 for False or where there is no `authorize`), AuthorizeFailed.

    An `authorize` may look the target up: that it isn't there, or the World is away, is the answer then.
    """
    if authorize is None:
        raise Problem(403, "this route is closed: give perdure.http.wrap an authorize=…", kind="forbidden")
    verdict = await _asked(authorize, request, action, target)
    if verdict is None:
        raise Problem(401, "who asks is unknown", kind="unauthorized", headers={"www-authenticate": "Bearer"})
    if verdict is False:
        raise Problem(403, "who asks may not do this", kind="forbidden")
    if verdict is not True:
        raise AuthorizeFailed(f"gave a {type(verdict).__name__}")


async def _asked(authorize: Authorize, request: Request, action: Action, target: Target) -> object:
    try:
        verdict: object = authorize(request, action, target)
        return await verdict if inspect.isawaitable(verdict) else verdict
    except (HookNotFound, RunNotFound, WorldError):
        raise
    except Exception as error:
        raise AuthorizeFailed(f"raised {type(error).__name__}") from error


def loopback(request: Request, action: Action, target: Target) -> bool:
    """An `authorize` for a server that is bound to loopback: all who can reach it may do all, but no foreign web page.

    A page in this machine's browser can reach it too, by its address or a name that was bent to it, so the Host must be
    one of this machine's own, and a browser's Origin the same.
    """
    return _is_loopback(request.headers.get("host", "")) and of_this_site(request.headers)


def with_token(token: str) -> Authorize:
    """An `authorize` for a server that is bound to loopback, where not all of the machine may do all: as `loopback`, and
    who asks has the token.

    As `Authorization: Bearer`, as `?token=` in the URL (the inspector's page makes a cookie of that), or as the cookie.
    """

    def authorize(request: Request, action: Action, target: Target) -> bool | None:
        if not loopback(request, action, target):
            return False
        return True if any(compare_digest(each.encode(), token.encode()) for each in _tokens_of(request)) else None

    return authorize


def _tokens_of(request: Request) -> list[str]:
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    given = (bearer.strip() if scheme.lower() == "bearer" else "", request.query_params.get(TOKEN, ""))
    return [*given, request.cookies.get(cookie_name(request), "")]


def cookie_name(request: Request) -> str:
    """Browsers give cookies to every port of a host: each server has one of its own."""
    port = request.url.port
    return "perdure" if port is None else f"perdure_{port}"


def _is_loopback(authority: str) -> bool:
    try:
        host = urlsplit(f"//{authority}").hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
