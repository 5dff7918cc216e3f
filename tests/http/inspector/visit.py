"""A client of the inspector's API, as its page is one."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from perdure.http import Action, Target, wrap
from tests.http.asgi import client
from tests.http.flows import anybody

APP = wrap(None, routes=("inspector",), authorize=anybody)
JSON = {"content-type": "application/json"}


def viewer(request: Request, action: Action, target: Target) -> bool:
    """May look, not act."""
    return action == "inspect"


LOOKING = wrap(None, routes=("inspector",), authorize=viewer)


async def get(path: str, app: Any = APP, status: int = 200) -> Any:
    async with client(app) as http:
        answer = await http.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def post(path: str, body: Any = None, app: Any = APP, status: int = 200, **headers: str) -> Any:
    async with client(app, **{name.replace("_", "-"): value for name, value in headers.items()}) as http:
        answer = await http.post(f"/api/v1/{path}", json={} if body is None else body)
    assert answer.status_code == status, answer.text
    return answer.json()


def asking(seen: list[tuple[str, str, str]]) -> Callable[..., bool]:
    """An `authorize` that lets all through, and remembers what it was asked."""

    def authorize(request: Request, action: Action, target: Target) -> bool:
        seen.append((action, target.kind, target.id))
        return True

    return authorize
