"""The schema: made, looked at, refused where it is newer, older or somebody else's; many processes at once."""

import asyncio
import logging

import pytest

from perdure.errors import SchemaMissing, SchemaTooNew, WorldInvalid
from perdure.testing.conformance.sample import (
    append_to,
    beat,
    born,
    chunks_of,
    claim_all,
    do,
    letter_to,
    sent,
    start_of,
)
from perdure.world import Appended, RunFilter, Started
from perdure.worlds.postgres import PostgresWorld, schema_version
from perdure.worlds.postgres.connection import Connection
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.schema import migrations, prepare, upgrade
from tests.worlds.postgres.database import database
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio

KNOWN = len(migrations())


def unmigrated(url: str) -> str:
    return url.replace("&migrate=1", "")


async def test_a_missing_schema_is_not_made_unasked(url: str) -> None:
    assert schema_version(url) == (KNOWN, None)
    with pytest.raises(SchemaMissing, match="run `perdure db upgrade --world 'postgresql://"):
        await PostgresWorld(unmigrated(url)).open()
    with pytest.raises(SchemaMissing):
        await PostgresWorld(url, create=False).open()
    assert schema_version(url) == (KNOWN, None)


async def test_upgrade_makes_it(url: str) -> None:
    for _ in range(2):
        upgrade(unmigrated(url))
        assert schema_version(url) == (KNOWN, KNOWN)
    async with opened(unmigrated(url)):
        pass


async def test_many_at_once(url: str) -> None:
    """Who waited for the lock sees what the first one did."""
    worlds = [PostgresWorld(url) for _ in range(6)]
    await asyncio.gather(*(world.open() for world in worlds))
    for world in worlds:
        await world.close()
    async with database(url) as connection:
        assert [row[0] for row in await connection.fetch("SELECT version FROM perdure_versions ORDER BY 1")] == [
            *range(1, KNOWN + 1)
        ]


async def test_a_newer_one_is_refused(url: str) -> None:
    upgrade(url)
    async with database(url) as connection:
        await connection.execute("INSERT INTO perdure_versions VALUES (99)")
    with pytest.raises(SchemaTooNew, match="has schema version 99"):
        await PostgresWorld(url).open()
    with pytest.raises(SchemaTooNew):
        upgrade(url)
    assert schema_version(url) == (KNOWN, 99)


async def test_an_older_one_is_left_as_it_is(url: str) -> None:
    upgrade(url)
    async with database(url) as connection:
        await connection.execute(
            "DELETE FROM perdure_versions WHERE version = (SELECT max(version) FROM perdure_versions)"
        )
    with pytest.raises(WorldInvalid, match=f"its schema has version {KNOWN - 1}, this perdure needs {KNOWN}: run"):
        await PostgresWorld(unmigrated(url)).open()


async def test_another_programs_tables_are_left_alone(url: str) -> None:
    name = location_of(url).schema
    async with database(url) as connection:
        await connection.execute(f"CREATE SCHEMA {name}; CREATE TABLE {name}.runs (miles int)")
        with pytest.raises(WorldInvalid, match="holds another program's tables"):
            upgrade(url)
        assert await connection.fetchval("SELECT count(*) FROM runs") == 0
    assert schema_version(url) == (KNOWN, None)


async def test_missing_grants_are_told(url: str) -> None:
    """A user that may connect, and nothing more."""
    name = location_of(url).schema
    upgrade(url)
    async with database(url) as connection:
        await connection.execute(f"CREATE ROLE {name}_user LOGIN")
    try:
        theirs = url.replace("postgres:@", f"{name}_user:@")
        with pytest.raises(WorldInvalid, match="the user lacks a grant"):
            await PostgresWorld(theirs).open()
        with pytest.raises(WorldInvalid, match="the user lacks a grant"):
            upgrade(theirs.replace(f"schema={name}", f"schema={name}_other"))
    finally:
        async with database(url) as connection:
            await connection.execute(f"DROP ROLE {name}_user")


async def test_the_grants_that_are_said_to_be_enough(url: str) -> None:
    name = location_of(url).schema
    upgrade(url)
    async with database(url) as connection:
        await connection.execute(f"""
            CREATE ROLE {name}_app LOGIN;
            GRANT USAGE ON SCHEMA {name} TO {name}_app;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name} TO {name}_app
        """)
    try:
        async with opened(unmigrated(url).replace("postgres:@", f"{name}_app:@")) as world:
            await born(world)
            assert isinstance(await do(world, append_to(1, chunks=(chunks_of(1, "", b"a"),))), Appended)
            await sent(world, letter_to(1))
            assert await claim_all(world) == []
    finally:
        async with database(url) as connection:
            await connection.execute(f"DROP OWNED BY {name}_app; DROP ROLE {name}_app")


async def test_who_may_only_look_is_told_at_the_first_write(url: str) -> None:
    """Not later, and not again and again; and looking works."""
    name = location_of(url).schema
    upgrade(url)
    async with database(url) as connection:
        await connection.execute(f"""
            CREATE ROLE {name}_eye LOGIN;
            GRANT USAGE ON SCHEMA {name} TO {name}_eye;
            GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO {name}_eye
        """)
        try:
            async with opened(unmigrated(url).replace("postgres:@", f"{name}_eye:@")) as world:
                assert (await world.list_runs(RunFilter())).runs == ()
                assert await world.workers() == ()
                told = "the user may only look, it lacks DELETE on chunks, DELETE on .* and .* more"
                with pytest.raises(WorldInvalid, match=f"{told}: see docs/how-to/postgresql.md for the grants"):
                    await do(world, start_of(1))
                with pytest.raises(WorldInvalid, match=told):
                    await beat(world)
                every = f"INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {name}"
                await connection.execute(
                    f"GRANT {every} TO {name}_eye; REVOKE EXECUTE ON FUNCTION clock_ms FROM PUBLIC"
                )
                with pytest.raises(WorldInvalid, match="the user may only look, it lacks EXECUTE on clock_ms: see"):
                    await do(world, start_of(1))
                await connection.execute(f"GRANT EXECUTE ON FUNCTION clock_ms TO {name}_eye")
                assert isinstance(await do(world, start_of(1)), Started)
        finally:
            await connection.execute(f"DROP OWNED BY {name}_eye; DROP ROLE {name}_eye")


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((130011, "UTF8", "on", False, True), "the server is PostgreSQL 13: 14 or later is needed"),
        ((180001, "LATIN1", "on", False, True), "create one with ENCODING 'UTF8'"),
        ((180001, "UTF8", "on", True, True), "name the primary"),
    ],
)
async def test_servers_that_wont_do(answer: tuple[object, ...], sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fetch(connection: Connection, sql: str, arguments: object = ()) -> list[tuple[object, ...]]:
        return [answer]

    monkeypatch.setattr(Connection, "fetch", fetch)
    location = location_of("postgresql://h/d")
    with pytest.raises(WorldInvalid, match=sentence):
        await prepare(Connection(None, location), location, migrate=False)  # type: ignore[arg-type]


async def test_a_server_that_doesnt_sync_is_warned_of(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        async with opened(url):
            pass
    assert "runs with fsync off" in caplog.text


async def test_schemas_dont_see_each_other(url: str) -> None:
    other = url.replace("schema=t_", "schema=u_")
    async with opened(url), opened(other), database(other) as connection:
        await connection.execute(f'DROP SCHEMA "{location_of(other).schema}" CASCADE')
    assert schema_version(url) == (KNOWN, KNOWN)
