"""Who looks, and what they may do."""

from typing import Any

import pytest
from starlette.requests import Request

from perdure.http import wrap
from perdure.http.inspector.session import actor_of
from tests.http.asgi import scope_of
from tests.http.inspector.visit import LOOKING, get

pytestmark = pytest.mark.anyio


async def test_a_session() -> None:
    session = await get("session")
    assert session.keys() == {"world", "version", "mayAct", "readOnly", "actor", "now"}
    assert (session["world"], session["mayAct"], session["readOnly"], session["actor"]) == (
        "memory://", True, False, "web",
    )  # fmt: skip
    assert session["now"].endswith("Z")


async def test_who_may_only_look() -> None:
    session = await get("session", LOOKING)
    assert (session["mayAct"], session["readOnly"]) == (False, True)


async def test_who_may_nothing() -> None:
    assert (await get("session", wrap(None, routes=("inspector",)), 403))["status"] == 403
    assert (await get("session", wrap(None, routes=("inspector",), authorize=lambda *_: None), 401))["status"] == 401


@pytest.mark.parametrize(
    ("actor", "expected"),
    [("ann", "ann"), (None, "web"), ("", "web"), ("x" * 201, "web"), ("a\nb", "web"), (7, "web"), ("\ud800", "web")],
)
async def test_authorize_names_who_acts(actor: Any, expected: str) -> None:
    def authorize(request: Request, *_: Any) -> bool:
        request.state.actor = actor
        return True

    app = wrap(None, routes=("inspector",), authorize=authorize)
    assert (await get("session", app))["actor"] == expected


def test_nobody_is_named() -> None:
    assert actor_of(Request(scope_of("/x"))) == "web"
