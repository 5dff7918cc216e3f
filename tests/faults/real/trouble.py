"""Real trouble: each goes on until it is cancelled, counts what it did, and leaves nothing of itself behind."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import asyncpg

from perdure.testing.history.postgres import database
from tests.faults.real.arena import Arena

Trouble = Callable[[Arena], Awaitable[None]]
FORGIVEN = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What our own sessions meet while the server is away."""

# -- processes


def killing(every_s: float) -> Trouble:
    """SIGKILL for any worker, one after another."""

    async def go_on(arena: Arena) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * every_s)
            await arena.fleet.kill(await arena.fleet.anyone())
            arena.counts["kills"] += 1

    return go_on


def freezing(every_s: float) -> Trouble:
    """SIGSTOP until the lease is surely over, then SIGCONT."""

    async def go_on(arena: Arena) -> None:
        async with asyncio.TaskGroup() as frozen:
            while True:
                await asyncio.sleep(random.uniform(0.5, 1.5) * every_s)
                for_s = random.uniform(1.3, 2.5) * arena.lease_ms / 1000
                frozen.create_task(arena.fleet.freeze(await arena.fleet.anyone(), for_s))
                arena.counts["freezes"] += 1

    return go_on


def draining(every_s: float) -> Trouble:
    """SIGTERM, as in a deploy."""

    async def go_on(arena: Arena) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * every_s)
            arena.fleet.drain(await arena.fleet.anyone())
            arena.counts["drains"] += 1

    return go_on


# -- the server


def restarting(every_s: float) -> Trouble:
    """`immediate`: as a crash."""

    async def go_on(arena: Arena) -> None:
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.5) * every_s)
            await arena.restart()

    return go_on


async def restarting_in_recovery(arena: Arena) -> None:
    """All workers are killed at once; while the first of their successors looks for what is left, the server crashes."""
    while True:
        await asyncio.sleep(random.uniform(2, 4))
        for worker in list(arena.fleet.workers):
            await arena.fleet.kill(worker)
            arena.counts["kills"] += 1
        await arena.fleet.anyone()
        await asyncio.sleep(random.uniform(0, 0.2))
        await arena.restart()


async def terminating_listeners(arena: Arena) -> None:
    """Whoever listens loses the connection with which it does."""
    while True:
        await asyncio.sleep(random.uniform(0.1, 0.5))
        with suppress(*FORGIVEN):
            async with database(arena.direct) as connection:
                sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen %'"
                arena.counts["listeners killed"] += len(await connection.fetch(sql))


async def starving(arena: Arena) -> None:
    """Somebody else takes every connection that the server has, after all others were cut."""
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        hogs: list[Any] = []
        try:
            with suppress(*FORGIVEN):
                async with database(arena.direct) as connection:
                    await connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                    )
                while True:
                    hogs.append(await asyncpg.connect(arena.location.dsn))
            arena.counts["famines"] += 1
            await asyncio.sleep(random.uniform(0.2, 1.0))
        finally:
            for hog in hogs:
                hog.terminate()


async def locking(arena: Arena) -> None:
    """A session locks runs in the wrong order, slowly: the server breaks deadlocks, at the cost of either side."""
    try:
        while True:
            with suppress(*FORGIVEN):
                async with database(arena.direct) as connection:
                    await _lock_backwards(connection)
            await asyncio.sleep(0.05)
    finally:
        async with database(arena.direct) as connection:
            await connection.execute("SELECT pg_stat_force_next_flush()")
            sql = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
            arena.counts["deadlocks"] += await connection.fetchval(sql)


async def _lock_backwards(connection: Any) -> None:
    """Until it is the one that is sacrificed."""
    sql = "SELECT run_id FROM runs WHERE status = 'running' ORDER BY random() LIMIT 6"
    while True:
        await asyncio.sleep(random.uniform(0, 0.05))
        chosen = sorted((row["run_id"] for row in await connection.fetch(sql)), reverse=True)
        async with connection.transaction():
            await connection.execute("SET LOCAL deadlock_timeout = '1s'")  # the others are sacrificed rather
            for run_id in chosen:
                await connection.fetch("SELECT 1 FROM runs WHERE run_id = $1 FOR UPDATE", run_id)
                await asyncio.sleep(0.03)


RAISING = """
    CREATE SEQUENCE raised;
    CREATE FUNCTION raise_now() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF random() < 0.03 THEN
            PERFORM nextval('{schema}.raised');
            RAISE EXCEPTION 'so that it is tried again' USING ERRCODE =
                CASE WHEN random() < 0.5 THEN '40001' ELSE '40P01' END;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER raise_now AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION raise_now();
"""


async def raising(arena: Arena) -> None:
    """Statements fail as if two of them couldn't be put in an order: all of it is undone, and may be done again."""
    async with database(arena.direct) as connection:
        schema = arena.location.schema
        await connection.execute(RAISING.replace("{schema}", f'"{schema}"').replace("{table}", "events"))
    try:
        await asyncio.Event().wait()
    finally:
        async with database(arena.direct) as connection:
            await connection.execute("DROP TRIGGER raise_now ON events")
            arena.counts["transactions failed"] += await connection.fetchval("SELECT last_value FROM raised")


async def losing_replies(arena: Arena) -> None:
    """Answers of the server are lost on the way, those to a COMMIT among them."""
    assert arena.proxy is not None, "the arena has no proxy"
    arena.proxy.losing = 0.03
    try:
        await asyncio.Event().wait()
    finally:
        arena.proxy.losing = 0.0


# -- the disk


async def filling(arena: Arena) -> None:
    """Something else takes all the space that is left, for a while."""
    assert arena.disk is not None, "the arena has no disk of its own"
    filler = arena.disk / "filler"
    while True:
        await asyncio.sleep(random.uniform(0.5, 1.5))
        try:
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            arena.counts["times full"] += 1
            await asyncio.sleep(random.uniform(0.1, 0.8))
        finally:
            filler.unlink(missing_ok=True)
