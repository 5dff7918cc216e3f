"""One pool for each loop; tries again what the server has undone; knows the server's clock; a fork opens anew."""

import asyncio
from typing import Any

import asyncpg
import pytest

from perdure.errors import WorldUnavailable
from perdure.testing.conformance import VirtualClock
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.pool import Pool
from perdure.worlds.postgres.store import Store, wall_clock_ms
from tests.worlds.postgres.database import database

pytestmark = pytest.mark.anyio


async def opened(url: str, clock: VirtualClock | None = None) -> Store:
    store = Store(location_of(url), clock)
    await store.open(migrate=True)
    return store


async def test_open_and_close_are_harmless_to_repeat(url: str) -> None:
    store = await opened(url)
    await store.open(migrate=True)
    assert await store.fetch_row("SELECT $1::int", 1) == (1,)
    assert await store.fetch_row("SELECT 1 WHERE false") is None
    await store.close()
    await store.close()
    with pytest.raises(WorldUnavailable, match=r"await open\(\) first"):
        await store.fetch("SELECT 1")


async def test_what_opened_it_goes_on(url: str) -> None:
    """A connection takes the server some milliseconds, and forgets what it has learned."""
    store = await opened(url)
    async with database(url) as other:
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1"
        assert await other.fetchval(sessions, f'%"{store.location.schema}".clock_ms()%') == 1
    [pool] = store._pools.values()
    [connection] = pool._all
    assert connection.knows("SELECT max(version) FROM perdure.perdure_versions")
    await store.close()


async def test_the_clock(url: str) -> None:
    store = await opened(url)
    assert store.told_ms is None
    assert abs(store.now_ms() - wall_clock_ms()) < 5000
    store.heard(wall_clock_ms() + 3_600_000)
    assert 3_595_000 < store.now_ms() - wall_clock_ms() < 3_605_000
    await store.close()
    virtual = Store(location_of(url), VirtualClock(7))
    assert (virtual.told_ms, virtual.now_ms()) == (7, 7)


@pytest.mark.parametrize(("failures", "works"), [(4, True), (5, False)])
async def test_what_the_server_has_undone_is_tried_again(
    failures: int, works: bool, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, fetch, calls = await opened(url), Pool.fetch, 0

    async def deadlocks(pool: Pool, sql: str, arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls <= failures:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return await fetch(pool, sql, arguments)

    monkeypatch.setattr(Pool, "fetch", deadlocks)
    if works:
        assert await store.fetch("SELECT 1") == [(1,)]
    else:
        with pytest.raises(WorldUnavailable, match="deadlock detected"):
            await store.fetch("SELECT 1")
    assert calls == 5
    await store.close()


async def test_a_lost_connection_is_told_and_not_tried_again(url: str) -> None:
    """Whether the write landed is unknown: only who asked can find out."""
    store = await opened(url)
    async with database(url) as other:
        [[pid]] = await store.fetch("SELECT pg_backend_pid()")
        await other.execute("SELECT pg_advisory_lock(78)")
        asked = asyncio.create_task(store.fetch("SELECT pg_advisory_lock(78)"))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            pass
        await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
        with pytest.raises(WorldUnavailable):
            await asked
    assert await store.fetch("SELECT 1") == [(1,)]
    await store.close()


async def test_another_threads_loop_has_a_pool_of_its_own(url: str) -> None:
    """Heartbeats: they must not wait for a loop that a body holds."""
    store = await opened(url)
    [[mine]] = await store.fetch("SELECT pg_backend_pid()")

    async def beat() -> int:
        [[pid]] = await store.fetch("SELECT pg_backend_pid()")
        return pid

    pids = [await asyncio.to_thread(asyncio.run, beat()) for _ in range(3)]
    assert len({mine, *pids}) == 4
    assert len(store._pools) == 2, "loops that have ended are forgotten, but for the last"
    await store.close()


async def test_a_fork_opens_it_anew(url: str) -> None:
    store = await opened(url)
    [[pid]] = await store.fetch("SELECT pg_backend_pid()")
    store.forsake()  # what a child does first
    with pytest.raises(WorldUnavailable, match="after a fork as well"):
        await store.fetch("SELECT 1")
    await store.open(migrate=False)
    assert [pid] not in [list(row) for row in await store.fetch("SELECT pg_backend_pid()")]
    await store.close()
    for pool in store._forsaken:
        assert isinstance(pool, Pool)
        await pool.close()
