"""Who removes looks at an index and waits for nobody; what was removed makes room: tables and indexes don't grow."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest

from perdure.testing.conformance.sample import (
    ONE,
    append_to,
    beat,
    born,
    chunks_of,
    do,
    done,
    hook_of,
    log_of,
    registering,
    row,
    run_id,
    start_of,
    writing,
)
from perdure.world import Started
from perdure.worlds.postgres import PostgresWorld
from tests.worlds.postgres.database import database, plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened
from tests.worlds.postgres.server import url_of

pytestmark = pytest.mark.anyio

TABLES = ("runs", "events", "inbox", "hooks", "streams", "chunks", "labels")
PATIENCE_S = 30
DOOMED = """
    SELECT r.run_id FROM perdure.runs AS r
    WHERE r.ended_at_ms IS NOT NULL AND r.ended_at_ms <= $1::bigint
        AND NOT EXISTS (SELECT 1 FROM perdure.runs AS parent WHERE parent.run_id = r.parent_id)
    ORDER BY r.ended_at_ms, r.run_id LIMIT 100 FOR UPDATE OF r SKIP LOCKED
"""


async def counts(url: str) -> list[int]:
    async with database(url) as connection:
        return [await connection.fetchval(f"SELECT count(*) FROM {table}") for table in TABLES]


async def test_no_scan(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    async with database(url) as connection:
        await connection.execute("UPDATE runs SET ended_at_ms = created_at_ms WHERE status = 'completed'; ANALYZE runs")
    plan = await plan_of(url, DOOMED, 10_000)
    assert "Index Scan using runs_by_end" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


async def test_what_somebody_is_changing_is_left(url: str) -> None:
    """A retry holds the run's row: it isn't waited for, and has its way."""
    async with opened(url) as world, database(url) as connection:
        for number in (1, 2):
            await born(world, number)
            await done(world, append_to(number, 3, status="failed"))
        async with connection.transaction(), asyncio.timeout(PATIENCE_S):
            await connection.execute("SELECT 1 FROM runs WHERE run_id = $1 FOR NO KEY UPDATE", run_id(1))
            assert await world.retention.prune(0, 100) == 1
            assert await world.read_run(run_id(2)) is None
            await connection.execute(
                "UPDATE runs SET status = 'running', ended_at_ms = NULL WHERE run_id = $1", run_id(1)
            )
        assert await world.retention.prune(0, 100) == 0
        assert len((await log_of(world)).rows) == 3


async def test_two_at_once_remove_different_runs(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        for number in range(1, 41):
            await born(one, number)
            await done(one, append_to(number, 3, status="completed"))
        removed = await asyncio.gather(*(world.retention.prune(0, 10) for world in (one, other) * 3))
        assert sum(removed) + await one.retention.prune(0, 100) == 40
        assert await counts(url) == [0] * len(TABLES)


async def test_a_start_with_the_key_of_what_is_being_removed(url: str) -> None:
    """It waits for that, and then has the key."""
    async with opened(url) as world, database(url) as connection:
        await born(world, 1, idempotency_key="key")
        await done(world, append_to(1, 3, status="completed"))
        async with asyncio.timeout(PATIENCE_S), connection.transaction():
            assert await connection.fetchval("SELECT prune(NULL, 0, 100)") == 1
            starting = asyncio.create_task(do(world, start_of(2, idempotency_key="key")))
            async with database(url) as watcher:
                while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                    assert not starting.done()
        outcome = await starting
        assert isinstance(outcome, Started)
        assert (outcome.run_id, outcome.created) == (run_id(2), True)


async def live_and_end(world: PostgresWorld, numbers: range) -> None:
    """A run with some of everything, for each number."""
    await beat(world)
    for number in numbers:
        ends = (row(payload=b"x" * 500), row("run_completed", payload=b"x" * 500))
        await world.commit([
            start_of(number, owner=ONE, idempotency_key=f"key {number}", attributes={"n": str(number)}),
            registering(number, 3, hook_of(token_hash=f"hash {number}")),
            writing(number, 0, chunks_of(number, "", *(b"x" * 200 for _ in range(5))), seq=4),
            append_to(number, 4, rows=ends, status="completed"),
        ])  # fmt: skip


async def sizes(url: str) -> dict[str, int]:
    """Bytes of each table and each index, after what autovacuum does."""
    async with database(url) as connection:
        for table in TABLES:
            await connection.execute(f"VACUUM {table}")
        rows = await connection.fetch(
            """SELECT relname, pg_relation_size(oid) FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'i')"""
        )
        return dict(rows)


@pytest.fixture
async def undisturbed(server: str, anyio_backend: str) -> AsyncIterator[str]:
    """A World's URL in a database of its own: elsewhere a transaction of another test keeps VACUUM from what is dead."""
    name = f"d_{uuid4().hex[:16]}"
    connection = await asyncpg.connect(server)
    await connection.execute(f"CREATE DATABASE {name}")
    yield url_of(server.replace("/postgres?", f"/{name}?"), "perdure", migrate=1, listen=0)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def test_a_soak(undisturbed: str) -> None:
    """A hundred runs at a time, of which none is kept for longer than it takes to make as many."""
    url, after = undisturbed, list[dict[str, int]]()
    async with opened(url) as world, database(url) as connection:
        for table in TABLES:  # it is vacuumed here: its own time would come at any moment, and hold some of it back
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = false)")
        for round in range(16):
            await live_and_end(world, range(round * 100, round * 100 + 100))
            if round:
                assert await world.retention.prune(0, 100) == 100
            assert await world.read_run(run_id(round * 100)) is not None
            assert await counts(url) == [100, 500, 0, 100, 100, 500, 100]
            after.append(await sizes(url))
    page = 8192
    grown = {name: (after[5][name], size) for name, size in after[-1].items() if size > after[5][name] * 1.5 + 2 * page}
    assert grown == {}
