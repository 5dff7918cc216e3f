"""The life cycle around an app that has one, has none, or fails at it."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from perdure import WorldUnavailable, configure, start
from perdure.api.connect import CONNECTION
from perdure.http import wrap
from perdure.http.ending import ending
from tests.http.asgi import Server, serving
from tests.http.flows import doze, greet

pytestmark = pytest.mark.anyio
COMPLETE = {"type": "lifespan.startup.complete"}
OVER = {"type": "lifespan.shutdown.complete"}


async def django(scope: Scope, receive: Receive, send: Send) -> None:
    raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()


async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(COMPLETE)


async def taciturn(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(COMPLETE)
    await receive()


async def is_working() -> bool:
    return (await CONNECTION.engine()).worker is not None


@pytest.mark.parametrize("app", [None, django, silent, impatient, taciturn, Starlette()])
async def test_a_worker_runs_while_the_server_does(app: ASGIApp | None) -> None:
    ending().set()  # as an earlier server on this loop has left it
    server = Server(wrap(app))
    assert await server.tell("startup") == COMPLETE
    assert await is_working()
    assert not ending().is_set()
    assert await server.tell("shutdown") == OVER
    await server.end()
    assert ending().is_set()
    assert not CONNECTION.engines


def noting(log: list[str], app: Callable[[], object] = lambda: None) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        app()
        log.append(f"up, worker {await is_working()}")
        yield
        log.append(f"down, drained {not CONNECTION.engines}")

    return Starlette(lifespan=lifespan)


async def test_the_app_starts_first_and_ends_last() -> None:
    """It may configure perdure, and open what steps need."""
    log: list[str] = []
    async with serving(wrap(noting(log, lambda: configure(world="memory://")))):
        log.append(f"on, worker {await is_working()}")
    assert log == ["up, worker False", "on, worker True", "down, drained True"]


async def test_a_restarted_app_resumes_its_runs(tmp_path: object) -> None:
    configure(world=f"sqlite:///{tmp_path}/runs.db")
    app = wrap(Starlette())
    async with serving(app):
        run = await start(doze)
    async with serving(app):
        await run.wake_up()
        assert await run.result() == "awake"


async def test_who_only_starts_gets_no_worker() -> None:
    configure(world="memory://", work=False)
    async with serving(wrap(None)):
        assert not await is_working()
        assert await (await start(greet, "Ann")).status() == "pending"


async def test_a_world_that_cant_be_opened_fails_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(self: object, *, work: bool = False) -> object:
        raise WorldUnavailable("it is away")

    log: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        log.append("up")
        yield
        log.append("down")

    for app in (None, Starlette(lifespan=lifespan)):
        with monkeypatch.context() as patched:
            patched.setattr("perdure.http.lifespan.CONNECTION.engine", refuse.__get__(CONNECTION))
            server = Server(wrap(app))
            assert await server.tell("startup") == {
                "type": "lifespan.startup.failed",
                "message": "perdure could not start: the world can't be reached: it is away",
            }
            await server.end()
    assert log == ["up", "down"]  # what the app had opened is closed again
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


async def test_an_app_that_fails_to_start_says_so_itself() -> None:
    def fail() -> None:
        raise KeyError("SECRET")

    server = Server(wrap(noting([], fail)))
    said = await server.tell("startup")
    assert said["type"] == "lifespan.startup.failed"
    with pytest.raises(KeyError):
        await server.end()
    assert not CONNECTION.engines


async def test_an_app_that_breaks_off_takes_the_worker_along() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(COMPLETE)
        raise KeyError("gone")

    server = Server(wrap(breaking))
    assert await server.tell("startup") == COMPLETE
    with pytest.raises(KeyError):
        await server.end()
    assert not CONNECTION.engines


async def test_what_cant_be_handed_back_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(grace: object) -> None:
        raise WorldUnavailable("it is away")

    server = Server(wrap(None))
    await server.tell("startup")
    with monkeypatch.context() as patched:
        patched.setattr("perdure.http.lifespan.close", fail)
        assert await server.tell("shutdown") == OVER
    await asyncio.wait_for(server.end(), 20)
    assert "the lease will lapse" in caplog.text
