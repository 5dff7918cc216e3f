"""A fleet behind a real PgBouncer: no statement wants the session of the one before."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from perdure import close, configure, start, worker
from perdure.api.connect import upgrade_at
from perdure.errors import WorldUnavailable
from perdure.worlds.postgres import PostgresWorld, notice
from perdure.worlds.postgres.location import location_of
from tests.worlds.postgres.fleet import counts, of_everything
from tests.worlds.postgres.pooler import Mode, pooling
from tests.worlds.postgres.server import url_of
from tests.worlds.postgres.test_fleet import answer, process, said

pytestmark = pytest.mark.anyio

PATIENCE_S = 120
SESSIONS = 30
"""In session mode each connection of each process wants one."""


@asynccontextmanager
async def through(url: str) -> AsyncIterator[None]:
    configure(world=url, work=False)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        await close()


@pytest.fixture
def schema(url: str) -> str:
    """Of this test, made without the pooler."""
    upgrade_at(url)
    return location_of(url).schema


@pytest.fixture
def pooled(request: pytest.FixtureRequest, server: str, schema: str) -> Iterator[str]:
    """A World's URL through a pooler in the mode, and with the parameters, that the test names."""
    mode, size, parameters = request.param
    with pooling(server, mode, size) as pooler:
        yield url_of(pooler, schema, **parameters)


def modes(*modes: tuple[Mode, int, dict[str, object]]) -> pytest.MarkDecorator:
    names = ["-".join([mode, str(size), *parameters]) for mode, size, parameters in modes]
    return pytest.mark.parametrize("pooled", modes, ids=names, indirect=True)


@modes(
    ("transaction", 3, {"listen": 0}),
    ("transaction", 3, {}),
    ("session", SESSIONS, {}),
    ("statement", 3, {"listen": 0}),
)
async def test_two_processes_work_through_it(pooled: str) -> None:
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(process(pooled))
        async with through(pooled):
            runs = await asyncio.gather(*(start(counts, 8) for _ in range(20)))
            run = await start(of_everything, "ann")
            reader = asyncio.create_task(said(run))
            await answer("ann", "yes")
            assert await run.result() == ["ann", "yes", "yes by somebody"]
            assert await reader == ["ann"]
            assert [await run.result() for run in runs] == [8] * 20
            for run in runs:
                assert [step.attempt for step in (await run.steps()).items] == [1] * 8


@modes(("transaction", 3, {}))
async def test_a_listener_that_hears_nothing_is_told_of(
    pooled: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notice, "_ECHO_S", 0.01)
    async with through(pooled), worker():
        while "notifications don't come through" not in caplog.text:
            await asyncio.sleep(0.01)
        assert await (await start(counts, 3)).result() == 3
    assert "connect without the pooler, or say so with `&listen=0`" in caplog.text


@modes(("transaction", 3, {"listen": 0, "migrate": 1}))
async def test_the_schema_is_made_through_it(pooled: str) -> None:
    async with through(pooled.replace("schema=t_", "schema=u_")), worker():
        assert await (await start(counts, 1)).result() == 1


@modes(("statement", 3, {"listen": 0, "migrate": 1}))
async def test_but_not_in_statement_mode(pooled: str) -> None:
    world = PostgresWorld(pooled.replace("schema=t_", "schema=u_"))
    with pytest.raises(
        WorldUnavailable, match="the pooler is in statement mode: set pool_mode to transaction or session"
    ):
        await world.open()
    await world.close()


@modes(("session", 2, {"listen": 0, "connections": 3, "command_timeout": 30}))
async def test_a_pool_that_is_too_small_for_sessions_says_so(pooled: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is asked waits for a session, and is asked again: nothing is lost."""
    worlds = [PostgresWorld(pooled) for _ in range(3)]
    for world in worlds[:2]:
        await world.open()
    with pytest.raises(WorldUnavailable, match="the pooler had no connection left: raise its pool size, or give"):
        await worlds[2].open()
    for world in worlds:
        await world.close()
