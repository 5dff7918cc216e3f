"""What an app is seen to serve."""

from pathlib import Path

import pytest

from perdure.testing.scorecard.route import App, RouteUse
from tests.testing.scorecard.written import subject

FLOW = """
approvals = define_hook(bool, prefix='a')
@workflow
async def flow(order: str) -> bool:
    return await approvals.create(order)
"""
APP = """
from typing import Annotated
from fastapi import Depends, FastAPI, Header, HTTPException
from perdure import get_run, resume_hook, start
from perdure.http import stream_response, wrap
from flows import approvals, flow
api = FastAPI()
User = Annotated[str, Depends(print)]
"""


def app(folder: Path, text: str) -> App:
    return subject(folder, FLOW, app_DOT_py=APP + text).app


def route(folder: Path, text: str) -> RouteUse:
    [found] = app(folder, text).routes
    return found


def test_a_start(folder: Path) -> None:
    made = route(
        folder,
        "@api.post('/x', status_code=202)\nasync def make():\n    return {'runId': (await start(flow, 'o')).run_id}\n",
    )
    assert (made.starts, made.accepted, made.tells_run, made.looks, made.resumes) == (True, True, True, False, False)
    made = route(folder, "@api.post('/x')\nasync def make():\n    return await (await start(flow, 'o')).result()\n")
    assert (made.starts, made.accepted, made.tells_run) == (True, False, False)


def test_what_a_route_calls_counts(folder: Path) -> None:
    made = route(
        folder,
        "@api.post('/x')\nasync def make():\n    return await begin()\nasync def begin():\n    await start(flow, 'o')\n",
    )
    assert made.starts


def test_looking_and_streaming(folder: Path) -> None:
    assert route(folder, "@api.get('/x')\nasync def look(id: str):\n    return await get_run(id).status()\n").looks
    read = route(
        folder, "@api.get('/x')\nasync def read(id: str, request):\n    return stream_response(get_run(id), request)\n"
    )
    assert (read.streams, read.from_index) == (True, True)
    read = route(folder, "@api.get('/x')\nasync def read(id: str):\n    return get_run(id).get_readable()\n")
    assert (read.streams, read.from_index) == (True, False)
    read = route(
        folder, "@api.get('/x')\nasync def read(id: str, n: int):\n    return get_run(id).get_readable(start_index=n)\n"
    )
    assert read.from_index


@pytest.mark.parametrize(
    ("parameters", "body", "decorator", "known", "guarded"),
    [
        ("id: str", "pass", "", False, False),
        ("id: str, user: User", "pass", "", True, False),
        ("id: str, user: str = Depends(print)", "raise HTTPException(403)", "", True, True),
        ("id: str", "raise HTTPException(403)", "", False, True),
        ("request", "request.user", "", True, False),
        ("id: str", "pass", "@login_required\n", True, True),
    ],
)
def test_who_may_resume(folder: Path, parameters: str, body: str, decorator: str, known: bool, guarded: bool) -> None:
    text = f"@api.post('/x')\n{decorator}async def decide({parameters}):\n    {body}\n    await approvals.resume('o', True)\n"
    found = route(folder, text)
    assert (found.resumes, found.known, found.guarded) == (True, known, guarded)


def test_routes_in_tables(folder: Path) -> None:
    found = route(
        folder, "async def decide(request):\n    await resume_hook('a:o', True)\nroutes = [Route('/x', decide)]\n"
    )
    assert (found.name, found.resumes) == ("decide", True)


@pytest.mark.parametrize(
    ("text", "routes", "authorized", "chat"),
    [
        ("api.add_middleware(wrap)\n", ("webhook",), False, False),
        ("api = wrap(api, routes=('runs', 'hooks'), authorize=print)\n", ("runs", "hooks"), True, False),
        (
            "def let(request, action, target):\n    return True\nwrap(api, routes=('runs',), authorize=let)\n",
            ("runs",),
            False,
            False,
        ),
        ("api.add_middleware(wrap, chat=flow, authorize=None)\n", ("webhook",), False, True),
    ],
)
def test_what_is_wrapped(folder: Path, text: str, routes: tuple[str, ...], authorized: bool, chat: bool) -> None:
    found = app(folder, text)
    [wrap] = found.wraps
    assert (wrap.routes, wrap.authorized, wrap.chat) == (routes, authorized, chat)
    assert found.there and (found.chat is not None) is chat
    assert (found.served("runs") is not None) is ("runs" in routes)


def test_no_app(folder: Path) -> None:
    assert not subject(folder, FLOW).app.there
