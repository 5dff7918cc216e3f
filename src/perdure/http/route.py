"""Which paths are perdure's, by the names of their routes, and who answers them."""

from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import Scope

from perdure.api.webhook import ROUTE
from perdure.errors import UsageError
from perdure.http.answer import answered
from perdure.http.call import Call
from perdure.http.chat.route import ChatRoutes
from perdure.http.health import show_health
from perdure.http.hook import send_payload
from perdure.http.inspector.route import API
from perdure.http.inspector.route import routes as inspector_routes
from perdure.http.openapi import openapi
from perdure.http.path import VARIABLE, Handler, Route, parameter_of, path_of, segments_of
from perdure.http.run import cancel_run, show_run, start_run
from perdure.http.stream import read_stream
from perdure.http.webhook import take_request


class Routes:
    """Those that were named, and those of the workflow `chat`, if there is one.

    Raises: UsageError for names that aren't any, a prefix that can't be one, and what is no chat.
    """

    def __init__(self, names: Sequence[str], prefix: str, chat: object = None) -> None:
        if isinstance(names, str) or not set(names) <= ROUTES.keys():
            unknown = names if isinstance(names, str) else ", ".join(sorted(set(names) - ROUTES.keys()))
            raise UsageError(f"routes={unknown!r}: there are {', '.join(ROUTES)}; give a tuple of these")
        if "chat" in names and chat is None:
            raise UsageError("routes=('chat', …) needs chat=…, the workflow that answers")
        if prefix and (not prefix.startswith("/") or prefix.endswith("/")):
            raise UsageError(f"prefix={prefix!r} begins no path: write it as '/perdure', or leave it out")
        known = ROUTES if chat is None else {**ROUTES, "chat": _chat_routes(ChatRoutes(chat))}
        served = dict.fromkeys(names if chat is None else (*names, "chat"))
        before = segments_of(prefix)
        self.all = [
            route if route.rooted else route._replace(path=before + route.path)
            for name in served
            for route in known[name]
        ]
        document = _always(answered(openapi([*served], prefix)))
        places = dict.fromkeys(DOCUMENTS[name] for name in served if name in DOCUMENTS)
        self.all += [Route((*before, *place), "GET", document) for place in places]

    def find(self, scope: Scope) -> tuple[Route, str] | None:
        """The route for a request's path, and what the path holds in its variable place; None: it isn't ours."""
        path = path_of(scope)
        for route in self.all:
            parameter = parameter_of(route.path, path)
            if parameter is not None:
                return route, parameter
        return None


def _chat_routes(chat: ChatRoutes) -> tuple[Route, ...]:
    return (
        Route(("api", "chat"), "POST", chat.send),
        Route(("api", "chat", VARIABLE, "stream"), "GET", chat.follow),
        Route(("api", "chat", VARIABLE, "messages"), "GET", chat.messages),
        Route(("api", "chat", VARIABLE, "cancel"), "POST", chat.cancel),
        Route(("api", "chat", VARIABLE, "end"), "POST", chat.end),
        Route(("api", "chat", VARIABLE, "approvals"), "POST", chat.decide),
    )


def _always(response: Response) -> Handler:
    async def answer(call: Call) -> Response:
        return response

    return answer


DOCUMENT = ("openapi", "perdure.json")
DOCUMENTS = {"runs": DOCUMENT, "chat": DOCUMENT, "inspector": (*API, "openapi.json")}
"""Where the OpenAPI document lies, by the routes that it comes with."""

ROUTES: dict[str, tuple[Route, ...]] = {
    "webhook": (Route((*segments_of(ROUTE)[:-1], VARIABLE), None, take_request, rooted=True),),
    "runs": (
        Route(("workflows", VARIABLE, "runs"), "POST", start_run),
        Route(("runs", VARIABLE), "GET", show_run),
        Route(("runs", VARIABLE, "cancel"), "POST", cancel_run),
    ),
    "hooks": (Route(("hooks", VARIABLE), "POST", send_payload),),
    "streams": (Route(("runs", VARIABLE, "stream"), "GET", read_stream),),
    "chat": (),  # made for the workflow that answers
    "health": (Route(("health",), "GET", show_health),),
    "inspector": inspector_routes(),
}
