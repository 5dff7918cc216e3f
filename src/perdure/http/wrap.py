"""`wrap`: perdure around an ASGI app. It owns the life cycle, answers its own routes, and passes everything else on."""

import logging
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure.http.authorization import Authorize
from perdure.http.body import ClientGone, check_headers
from perdure.http.call import Call
from perdure.http.lifespan import Lifespan
from perdure.http.problem import Problem, problem_of
from perdure.http.rate import Misses
from perdure.http.route import Route, Routes

logger = logging.getLogger("perdure")


class wrap:
    """Give an ASGI app perdure's life cycle and routes: `api.add_middleware(wrap, …)`, or `app = wrap(app, …)`.

    * `app`: None makes it an app of its own.
    * `routes`: what is served, of `webhook`, `runs`, `hooks`, `streams`, `health`, `inspector`. A path of a named route is
      perdure's; everything else goes to the app untouched, or is a 404 where there is none. Websockets are the app's.
    * `authorize`, sync or async, answers for `runs`, `hooks`, `streams` and `inspector`. Without it they are closed.
    * `prefix`: goes before all paths but the webhooks', which are part of URLs that were given out: "/perdure".
    * `chat`: the workflow that answers `POST /api/chat`. It takes `messages: list[UIMessage]`, and `session: str` if it
      likes; or, for many turns in one run, `message: UIMessage` and `session: str`.

    Raises: UsageError for a name that is no route, a prefix that begins no path, or what can't be a chat.
    """

    def __init__(
        self,
        app: ASGIApp | None,
        /,
        *,
        authorize: Authorize | None = None,
        prefix: str = "",
        routes: Sequence[str] = ("webhook",),
        chat: object = None,
    ) -> None:
        self._app, self._authorize, self._prefix = app, authorize, prefix
        self._routes = Routes(routes, prefix, chat)
        self._misses = Misses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Lifespan(receive, send).run(self._app, scope)
            return
        found = self._routes.find(scope) if scope["type"] == "http" else None
        if found is not None:
            await self._answer(*found, scope, receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await Problem(404, "nothing is served under this path").response()(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})

    async def _answer(self, route: Route, parameter: str, scope: Scope, receive: Receive, send: Send) -> None:
        prefix = scope.get("root_path", "") + self._prefix
        call = Call(Request(scope), receive, parameter, prefix, self._authorize, self._misses)
        try:
            response = await _handled(route, call)
        except ClientGone:
            return
        await response(scope, receive, send)


async def _handled(route: Route, call: Call) -> Response:
    """Raises: ClientGone."""
    try:
        check_headers(call.scope)
        if not route.takes(call.request.method):
            raise Problem(405, f"this path takes {route.method}", headers={"allow": route.method or ""})
        return await route.handler(call)
    except ClientGone:
        raise
    except Exception as error:
        problem = problem_of(error)
        if problem is None or (problem.status in (503, 507) and problem is not error):  # else somebody has said why
            logger.error("%s /%s went wrong", route.method or "ANY", "/".join(route.path), exc_info=error)
        return (problem or Problem(500, "the error has been logged")).response()
