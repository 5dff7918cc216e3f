"""The schema: which version a database has, and how it is brought to ours. Forward only.

The versions are the numbered files in `migrations/`, each done in a transaction of its own, under a lock that other
processes wait for. A schema that holds somebody else's tables is refused and left untouched.
"""

import asyncio
import logging
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from perdure.errors import SchemaMissing, SchemaTooNew, WorldInvalid
from perdure.world.schema import SchemaVersion, scripts_in
from perdure.worlds.postgres.connection import Connection, connect, qualified
from perdure.worlds.postgres.fault import THERE_ALREADY, opening
from perdure.worlds.postgres.location import Location, location_of

SERVER_MIN = 140000
_log = logging.getLogger(__name__)


def schema_version(url: str) -> SchemaVersion:
    """What `perdure db status` shows. Looks only; blocks. Raises: WorldInvalid, WorldUnavailable."""
    return _run(_look(location_of(url)))


def upgrade(url: str) -> None:
    """What `perdure db upgrade` does; blocks. Raises: WorldInvalid, SchemaTooNew, WorldUnavailable."""
    _run(_upgrade(location_of(url)))


@cache
def migrations() -> tuple[str, ...]:
    """The scripts in order: the first leads to version 1."""
    return scripts_in(Path(__file__).parent / "migrations")


async def prepare(connection: Connection, location: Location, *, migrate: bool) -> None:
    """Afterwards the schema is ours, and the server one that this works with.

    Harmless to repeat, and from several processes at once. Raises: WorldInvalid, SchemaMissing, SchemaTooNew.
    """
    there = await _look_around(connection, location)
    known, found = len(migrations()), await _version(connection) if there else None
    if migrate and (found is None or found < known):
        await _migrate(connection, location)
        found = await version_of(connection, location.schema)
    if found is None:
        raise SchemaMissing(location.shown)
    if found > known:
        raise SchemaTooNew(location.shown, found, known)
    if found < known:
        raise WorldInvalid(
            location.shown,
            f"its schema has version {found}, this perdure needs {known}: "
            f"run `perdure db upgrade --world {quote(location.shown)}`",
        )


async def version_of(connection: Connection, schema: str) -> int | None:
    """None: there is no schema of perdure."""
    [[there]] = await connection.fetch(f"SELECT {_IS_THERE}", [schema])
    return await _version(connection) if there else None


async def _version(connection: Connection) -> int | None:
    """Where there is a table of them."""
    [[version]] = await connection.fetch("SELECT max(version) FROM perdure.perdure_versions")
    return version


async def _look_around(connection: Connection, location: Location) -> bool:
    """Whether there is a schema of perdure, on a server that will do."""
    [[server, encoding, fsync, standby, there]] = await connection.fetch(_AROUND, [location.schema])
    if server < SERVER_MIN:
        raise WorldInvalid(location.shown, f"the server is PostgreSQL {server // 10000}: 14 or later is needed")
    if encoding != "UTF8":
        raise WorldInvalid(location.shown, f"the database keeps texts as {encoding}: create one with ENCODING 'UTF8'")
    if standby:
        raise WorldInvalid(location.shown, "the server is a standby, which can't be written to: name the primary")
    if fsync != "on":
        _log.warning("%s: the server runs with fsync off, so a power cut may lose what it acknowledged", location.shown)
    return there


async def _migrate(connection: Connection, location: Location) -> None:
    schema = location.schema
    for number, script in enumerate(migrations(), 1):
        driver = connection.driver
        await driver.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        try:
            await driver.execute(f"SELECT pg_advisory_xact_lock(hashtext('perdure'), hashtext('{schema}'))")
            if ((await version_of(connection, location.schema)) or 0) < number:
                await driver.execute(_MAKE_ROOM.replace("{schema}", schema))
                await driver.execute(f'SET LOCAL search_path = "{schema}", pg_catalog, pg_temp')
                await driver.execute(qualified(script, schema))
                await driver.execute(qualified(f"INSERT INTO perdure.perdure_versions VALUES ({number})", schema))
            await driver.execute("COMMIT")
        except BaseException as error:
            if connection.usable:
                await driver.execute("ROLLBACK")
            if isinstance(error, THERE_ALREADY):
                raise _not_ours(location, error) from error
            raise


# Asked of the tables themselves: to_regclass may answer from what a session remembers of before it got the lock.
_IS_THERE = """
    EXISTS (
        SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE n.nspname = $1::text AND c.relname = 'perdure_versions')
"""
_AROUND = f"""
    SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), current_setting('fsync'),
           pg_is_in_recovery(), {_IS_THERE}
"""
_MAKE_ROOM = """
    DO $$ BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = '{schema}') THEN
            CREATE SCHEMA "{schema}";
        END IF;
    END $$;
    CREATE TABLE IF NOT EXISTS "{schema}".perdure_versions (version int PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())
"""


def _not_ours(location: Location, error: Exception) -> WorldInvalid:
    reason = f"the schema {location.schema!r} holds another program's tables ({error}): choose another with ?schema="
    return WorldInvalid(location.shown, reason)


async def _look(location: Location) -> SchemaVersion:
    connection = await connect(location)
    try:
        with opening(location):
            return SchemaVersion(len(migrations()), await version_of(connection, location.schema))
    finally:
        await connection.close()


async def connected(location: Location, *, migrate: bool) -> Connection:
    """A connection, and behind it what `prepare` has seen to. Raises: as that, WorldUnavailable."""
    connection = await connect(location)
    try:
        with opening(location):
            await prepare(connection, location, migrate=migrate)
    except BaseException:
        await connection.close()
        raise
    return connection


async def _upgrade(location: Location) -> None:
    connection = await connected(location, migrate=True)
    await connection.close()


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    """In a thread of its own: the caller may be in an event loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
