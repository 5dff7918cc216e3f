"""The schema: which version a file has, and how it is brought to ours. Forward only.

The versions are the numbered files in `migrations/`. A file that another program made is refused and left untouched.
"""

import time
from functools import cache
from pathlib import Path

import apsw

from perdure.errors import SchemaTooNew, WorldInvalid, WorldUnavailable
from perdure.world.schema import SchemaVersion, scripts_in
from perdure.worlds.sqlite.connection import BUSY_S, Connection, connect
from perdure.worlds.sqlite.fault import opening
from perdure.worlds.sqlite.location import path_of

APPLICATION_ID = 0x50524452
"""Marks a file as perdure's (`PRAGMA application_id`): "PRDR"."""


def schema_version(url: str) -> SchemaVersion:
    """What `perdure db status` shows. Looks only. Raises: WorldInvalid."""
    path = path_of(url)
    if not path.exists():
        return SchemaVersion(len(migrations()), None)
    with opening(url, path):
        connection = connect(path)
        try:
            return SchemaVersion(len(migrations()), _version(connection, url))
        finally:
            connection.close()


@cache
def migrations() -> tuple[str, ...]:
    """The scripts in order: the first leads to version 1."""
    return scripts_in(Path(__file__).parent / "migrations")


def migrate(connection: Connection, url: str) -> None:
    """Bring the file to our version, in one transaction; harmless to repeat, and from several processes at once.

    Raises: WorldInvalid, SchemaTooNew.
    """
    known = len(migrations())
    _check(_version(connection, url), known, url)
    _write_ahead(connection)
    if _version(connection, url) == known:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection, url)
        _check(version, known, url)
        for script in migrations()[version:]:
            connection.execute(script)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {known}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _check(found: int, known: int, url: str) -> None:
    if found > known:
        raise SchemaTooNew(url, found, known)


_LOOK = """
    SELECT (SELECT application_id FROM pragma_application_id),
           (SELECT user_version FROM pragma_user_version),
           (SELECT count(*) FROM sqlite_schema)
"""


def _version(connection: Connection, url: str) -> int:
    [[application, version, tables]] = connection.execute(_LOOK).fetchall()  # at once: another may be migrating
    if application != APPLICATION_ID and (application or version or tables):
        raise WorldInvalid(url, "the file is another program's SQLite database: choose another path")
    return version


def _write_ahead(connection: Connection) -> None:
    """Switching to the write-ahead log wants the file for itself, and SQLite doesn't wait for that by itself."""
    give_up_at = time.monotonic() + BUSY_S
    while True:
        try:
            [[mode]] = connection.execute("PRAGMA journal_mode = WAL").fetchall()
        except apsw.BusyError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.005)
        else:
            break
    if mode != "wal":
        raise WorldUnavailable("this file system does not support SQLite's write-ahead log: choose a local disk")
