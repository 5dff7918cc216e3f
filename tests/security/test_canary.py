"""With a key set, a secret that goes through everything that carries values is in no table, log or page."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from perdure import (
    RunBlocked,
    Workflow,
    close,
    configure,
    create_hook,
    get_run,
    resume_hook,
    start,
    step,
    worker,
    workflow,
)
from perdure.api.connect import CONNECTION
from perdure.engine.log import read_log
from perdure.http.run import shown
from perdure.world import HookFilter, RunFilter
from tests.api.following import status_of, waiting_for
from tests.security.flows import LARGE, SECRET, TOKEN, parent, waiting

pytestmark = pytest.mark.anyio

KEYS = {"2026-01": bytes(range(32))}


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of each kind, of this test's own."""
    match request.param:
        case "memory":
            return "memory://"
        case "sqlite":
            return f"sqlite:///{tmp_path}/perdure.db"
        case _:
            return request.getfixturevalue("url")


@pytest.fixture(autouse=True)
async def closed_in_the_end(anyio_backend: str) -> AsyncIterator[None]:
    yield
    await close()
    configure(world="memory://")


async def kept_in(url: str, tmp_path: Path) -> bytes:
    """All that the World holds, as bytes, while it is open."""
    if url.startswith("memory:"):
        world: Any = CONNECTION.world
        return await _asked(world)
    if url.startswith("sqlite:"):
        return b"".join(path.read_bytes() for path in sorted(tmp_path.iterdir()))
    connection = await asyncpg.connect(url.partition("&schema=")[0])
    schema = url.partition("&schema=")[2].partition("&")[0]
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    kept: list[str] = []
    for (table,) in tables:
        kept += [row[0] for row in await connection.fetch(f'SELECT t::text FROM "{schema}"."{table}" AS t')]
    await connection.close()
    assert len(kept) > 20
    return "\n".join(kept).encode()


async def _asked(world: Any) -> bytes:
    found: list[Any] = [await world.hooks.list(HookFilter(limit=100)), await world.workers()]
    for run in (await world.list_runs(RunFilter(limit=100))).runs:
        found += [await world.read_log(run.run_id), await world.read_mail(run.run_id)]
        for stream in await world.streams.list(run.run_id):
            found.append(await world.streams.read(run.run_id, stream.stream, 0, 100))
    return repr(found).encode()


def shows(secret: str, kept: bytes) -> bool:
    """As it is, or as a database shows bytes."""
    return secret.encode() in kept or secret.encode().hex().encode() in kept


async def lived_through(url: str, tmp_path: Path) -> bytes:
    """What the World kept, with mail that waits, and when all was over."""
    async with worker():
        run = await start(parent, SECRET, LARGE)
        waits = await start(waiting, SECRET)
        await waiting_for(run, "hook")
        await waiting_for(waits, "hook")
        gc.collect()  # asyncio tells of an error that nobody heard when its task is collected: while its run lives
        await resume_hook(TOKEN, SECRET)
        assert SECRET in await run.result()
        gc.collect()
        assert [value async for value in run.readable(namespace="steps")][:2] == [SECRET, SECRET * 200]
    await waits.cancel(f"because of {SECRET}")  # waits in the inbox: nobody works
    kept = await kept_in(url, tmp_path)
    async with worker():
        await status_of(waits, end="cancelled")
        assert (await waits.info()).reason == f"because of {SECRET}"
    return kept + await kept_in(url, tmp_path)


async def test_the_secret_is_in_no_table_and_no_log(
    world: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    configure(world=world, work=False, keys=KEYS)
    kept = await lived_through(world, tmp_path)
    assert not shows(SECRET, kept)
    assert "ValueError" in caplog.text  # the task that broke unheard is told of, without its words
    assert SECRET not in caplog.text


async def test_without_keys_it_is_found(world: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What looks for it can see."""
    caplog.set_level(logging.DEBUG)
    configure(world=world, work=False)
    assert shows(SECRET, await lived_through(world, tmp_path))
    assert SECRET in caplog.text


@step
async def charge(card: str) -> str:
    return "charged"


def deploy(card: str) -> Workflow[[str], Any]:
    @workflow(name="secret:changed")
    async def changed(secret: str) -> str:
        await charge(card or secret)
        async with create_hook(str, token=f"there:{secret}") as hook:
            return await hook

    return changed


async def test_a_blocked_run_shows_digests_of_arguments() -> None:
    configure(world="memory://", work=False, keys=KEYS)
    async with worker():
        run = await start(deploy(""), SECRET)
        await waiting_for(run, "hook")
    deploy(f"other {SECRET}")
    async with worker():
        await run.cancel()  # it wakes
        await status_of(run, end="blocked")
    with pytest.raises(RunBlocked) as caught:
        await run.result()
    info = await run.info()
    assert info.divergence is not None
    assert info.divergence.recorded.startswith(f"step {__name__}:charge(digest ")
    assert info.divergence.attempted.startswith(f"step {__name__}:charge(digest ")
    assert info.divergence.recorded != info.divergence.attempted
    page = repr(shown(info)) + repr(info.as_json()) + str(caught.value)
    assert SECRET not in page


async def test_a_page_of_a_run_that_waits_shows_no_token() -> None:
    configure(world="memory://", work=False, keys=KEYS)
    async with worker():
        run = await start(waiting, SECRET)
        await waiting_for(run, "hook")
        assert SECRET not in repr(shown(await get_run(run.run_id).info()))


async def test_many_runs_at_once_are_sealed_each_for_itself() -> None:
    """No two payloads of a World are alike, also where the same is written again and again."""
    configure(world="memory://", work=False, keys=KEYS)
    async with worker():
        runs = [await start(waiting, f"{SECRET}{number % 2}") for number in range(2)]
        await asyncio.gather(*(waiting_for(run, "hook") for run in runs))
    kept: list[bytes] = []
    for run in runs:
        log = await read_log((await CONNECTION.engine()).world, run.run_id)  # type: ignore[arg-type]
        kept += [row.payload for row in log.rows]
    assert len(kept) == len({payload[9:21] for payload in kept}) >= 6
