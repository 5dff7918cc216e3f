"""Steps as guests in the database: what they find, what they may do, and what is known when something is lost."""

import asyncio
import json
from collections.abc import AsyncGenerator

import asyncpg
import pytest

from perdure.errors import TransactionInvalid, WorldUnavailable
from perdure.testing.conformance.sample import ONE, append_to, born, log_of, record_of, row
from perdure.world import Appended
from perdure.worlds.postgres import PostgresWorld, guest
from tests.worlds.postgres.cutting import cutting
from tests.worlds.postgres.database import database
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def paid(url: str) -> AsyncGenerator[str]:
    """A table of the user's, in a schema of the user's."""
    schema = f"u_{url.partition('schema=')[2].partition('&')[0]}"
    async with database(url) as connection:
        await connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.paid (cents int PRIMARY KEY)")
        yield f"{schema}.paid"
        await connection.execute(f"SET client_min_messages = error; DROP SCHEMA {schema} CASCADE")


@pytest.fixture
async def world(url: str, paid: str) -> AsyncGenerator[PostgresWorld]:
    async with opened(url) as world:
        await born(world)
        yield world


async def in_table(url: str, table: str) -> list[int]:
    async with database(url) as connection:
        return [found[0] for found in await connection.fetch(f"SELECT cents FROM {table} ORDER BY cents")]


async def visiting(world: PostgresWorld, table: str, cents: int = 1) -> guest.Guest:
    begun = await world.transactions.begin("shop:charge")
    await begun.connection.execute(f"INSERT INTO {table} VALUES ($1)", cents)
    return begun


async def lost(world: PostgresWorld, number: int = 3) -> tuple[int, int]:
    """What a worker does then: claim the run afresh, which waits for what is on its way; its epoch and length now."""
    record = await record_of(world)
    claimed = await world.reclaim(ONE, record.run_id, record.epoch)
    assert claimed is not None
    return claimed.epoch, claimed.length


async def test_the_search_path_is_the_databases(world: PostgresWorld, paid: str) -> None:
    begun = await visiting(world, paid)
    assert await begun.connection.fetchval("SHOW search_path") == '"$user", public'
    assert await begun.connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
    begun.rollback()


async def test_transactions_inside_are_savepoints(world: PostgresWorld, url: str, paid: str) -> None:
    begun = await visiting(world, paid)
    with pytest.raises(asyncpg.UniqueViolationError):
        async with begun.connection.transaction():
            await begun.connection.execute(f"INSERT INTO {paid} VALUES (1)")
    async with begun.connection.transaction():
        await begun.connection.execute(f"INSERT INTO {paid} VALUES (2)")
    assert isinstance(await begun.commit(append_to(1, 3)), Appended)
    assert await in_table(url, paid) == [1, 2]


async def test_the_isolation_level_may_be_chosen(world: PostgresWorld, url: str, paid: str) -> None:
    begun = await world.transactions.begin("shop:charge")
    await begun.connection.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    await begun.connection.execute(f"INSERT INTO {paid} VALUES (1)")
    assert isinstance(await begun.commit(append_to(1, 3)), Appended)
    assert await in_table(url, paid) == [1]


async def test_what_a_session_was_told_of_types_does_not_matter(world: PostgresWorld, url: str, paid: str) -> None:
    begun = await visiting(world, paid)
    for name in ("json", "jsonb"):
        await begun.connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    assert isinstance(await begun.commit(append_to(1, 3, attributes={"a": "b"})), Appended)
    assert (await in_table(url, paid), (await record_of(world)).attributes) == ([1], {"a": "b"})


async def test_a_session_is_reset_and_used_again(world: PostgresWorld, paid: str) -> None:
    first = await visiting(world, paid)
    await first.connection.execute("SET application_name = 'mine'; SELECT pg_advisory_lock(7)")
    pid = await first.connection.fetchval("SELECT pg_backend_pid()")
    assert isinstance(await first.commit(append_to(1, 3)), Appended)
    await given_back(world)
    second = await visiting(world, paid, 2)
    found = await second.connection.fetchrow("SELECT pg_backend_pid(), current_setting('application_name')")
    assert tuple(found) == (pid, "")
    assert (
        await second.connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = $1", pid)
        == 0
    )
    second.rollback()


async def given_back(world: PostgresWorld) -> None:
    sessions = await world._store.sessions()
    while sessions._leaving:
        await asyncio.gather(*sessions._leaving)


async def test_a_commit_by_the_step_is_found_out(world: PostgresWorld, url: str, paid: str) -> None:
    for words in ("COMMIT", "COMMIT; BEGIN", "ROLLBACK AND CHAIN"):
        begun = await world.transactions.begin("shop:charge")
        await begun.connection.execute(words)
        with pytest.raises(TransactionInvalid, match="it has ended the transaction itself; leave COMMIT"):
            await begun.commit(append_to(1, 3))
    assert len((await log_of(world)).rows) == 2


async def test_an_error_that_was_swallowed_is_the_steps(world: PostgresWorld, url: str, paid: str) -> None:
    """PostgreSQL has given the transaction up: nothing was written, and the step may be tried again."""
    begun = await visiting(world, paid)
    with pytest.raises(asyncpg.UniqueViolationError):
        await begun.connection.execute(f"INSERT INTO {paid} VALUES (1)")
    with pytest.raises(asyncpg.InFailedSQLTransactionError):
        await begun.commit(append_to(1, 3))
    assert (await in_table(url, paid), len((await log_of(world)).rows)) == ([], 2)


async def test_a_constraint_that_waits_for_the_commit_is_the_steps(world: PostgresWorld, url: str, paid: str) -> None:
    schema = paid.partition(".")[0]
    async with database(url) as connection:
        sql = f"CREATE TABLE {schema}.part (of_cents int REFERENCES {paid} DEFERRABLE INITIALLY DEFERRED)"
        await connection.execute(sql)
    begun = await world.transactions.begin("shop:charge")
    await begun.connection.execute(f"INSERT INTO {schema}.part VALUES (7)")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await begun.commit(append_to(1, 3))
    assert len((await log_of(world)).rows) == 2


async def test_what_can_not_be_stored_takes_the_rows_with_it(world: PostgresWorld, url: str, paid: str) -> None:
    begun = await visiting(world, paid)
    with pytest.raises(asyncpg.PostgresError):
        await begun.commit(append_to(1, 3, rows=(row(turn=2**40 * 2**40),)))
    assert (await in_table(url, paid), len((await log_of(world)).rows)) == ([], 2)


@pytest.mark.parametrize("when", ["before", "at once"])
async def test_a_backend_that_is_terminated(world: PostgresWorld, url: str, paid: str, when: str) -> None:
    """Whatever had been written is gone with it."""
    begun = await visiting(world, paid)
    pid = await begun.connection.fetchval("SELECT pg_backend_pid()")
    async with database(url) as connection:
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    if when == "before":
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await begun.connection.fetchval("SELECT 1")
    with pytest.raises(WorldUnavailable):
        await begun.commit(append_to(1, 3))
    assert await lost(world) == (2, 2)
    assert await in_table(url, paid) == []
    after = await visiting(world, paid)
    assert isinstance(await after.commit(append_to(1, 3, epoch=2)), Appended)


@pytest.mark.parametrize(("cut", "length"), [("reply", 3), ("query", 2)])
async def test_a_lost_commit_is_found_in_the_log(url: str, paid: str, cut: str, length: int) -> None:
    async with cutting(url) as (behind, cutter), opened(behind) as world:
        await born(world)
        cutter.cuts = [cut]
        begun = await visiting(world, paid)
        with pytest.raises(WorldUnavailable):
            await begun.commit(append_to(1, 3))
        assert cutter.cut == 1
        assert await lost(world) == (2, length)
        assert await in_table(url, paid) == ([1] if cut == "reply" else [])


async def test_a_claim_waits_for_a_commit_that_is_on_its_way(world: PostgresWorld, url: str, paid: str) -> None:
    """The run's row is locked from the append to the end."""
    begun = await visiting(world, paid)
    assert isinstance(await begun._append(begun.connection, append_to(1, 3)), Appended)
    claiming = asyncio.ensure_future(lost(world))
    async with database(url) as connection:
        while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.01)
    assert not claiming.done()
    begun.rollback()
    assert await claiming == (2, 2)
    assert await in_table(url, paid) == []


async def test_steps_do_not_take_the_engines_connections(url: str, paid: str) -> None:
    async with opened(f"{url}&connections=2") as world:
        await born(world)
        open_ones = [await visiting(world, paid, cents) for cents in range(2)]
        third = asyncio.ensure_future(visiting(world, paid, 2))
        await asyncio.sleep(0.05)
        assert not third.done()
        assert isinstance((await world.commit([append_to(1, 3)]))[0], Appended)
        open_ones[0].rollback()
        assert isinstance(await (await third).commit(append_to(1, 4)), Appended)
        open_ones[1].rollback()


async def test_an_unreachable_server_is_told(world: PostgresWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    await world.close()
    with pytest.raises(WorldUnavailable, match="it is not open in this process"):
        await world.transactions.begin("shop:charge")


async def test_a_close_ends_what_is_open(url: str, paid: str) -> None:
    async with opened(url) as world:
        await born(world)
        begun = await visiting(world, paid)
    begun.rollback()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, ConnectionError)):
        await begun.connection.execute("SELECT 1")
    assert await in_table(url, paid) == []
