"""Which files are opened, migrated, or refused untouched."""

import asyncio
from pathlib import Path

import apsw
import pytest

from perdure.errors import SchemaTooNew, WorldInvalid
from perdure.testing.conformance.sample import do, start_of
from perdure.worlds.sqlite import SqliteWorld, schema_version
from perdure.worlds.sqlite import schema as schema_module
from perdure.worlds.sqlite.schema import APPLICATION_ID, migrations
from tests.worlds.sqlite.opened import opened, url_of

pytestmark = pytest.mark.anyio

KNOWN = len(migrations())


def database(folder: Path, *sql: str) -> Path:
    path = folder / "runs.db"
    connection = apsw.Connection(str(path))
    for statement in sql:
        connection.execute(statement)
    connection.close()
    return path


async def test_a_new_file_has_our_version(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert schema_version(url_of(tmp_path)) == (KNOWN, KNOWN)
    connection = apsw.Connection(str(tmp_path / "runs.db"))
    assert connection.pragma("application_id") == APPLICATION_ID == int.from_bytes(b"PRDR", "big")
    assert connection.pragma("user_version") == KNOWN
    assert connection.pragma("journal_mode") == "wal"


async def test_an_empty_file_becomes_ours(tmp_path: Path) -> None:
    (tmp_path / "runs.db").write_bytes(b"")
    assert schema_version(url_of(tmp_path)) == (KNOWN, 0)
    async with opened(tmp_path) as world:
        await do(world, start_of(1))


def test_looking_for_the_version_makes_no_file(tmp_path: Path) -> None:
    assert schema_version(url_of(tmp_path)) == (KNOWN, None)
    assert list(tmp_path.iterdir()) == []


async def test_an_older_schema_is_brought_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as world:
        await do(world, start_of(1))
    later = (*migrations(), "CREATE TABLE later (id INTEGER)", "INSERT INTO later VALUES (7)")
    monkeypatch.setattr(schema_module, "migrations", lambda: later)
    for _ in range(2):
        async with opened(tmp_path) as world:
            assert await world.read_run(start_of(1).run_id) is not None
    connection = apsw.Connection(str(tmp_path / "runs.db"))
    assert connection.execute("SELECT id FROM later").fetchall() == [(7,)]
    assert schema_version(url_of(tmp_path)) == (KNOWN + 2, KNOWN + 2)


async def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path):
        pass
    later = (*migrations(), "CREATE TABLE later (id INTEGER)", "THIS IS NO SQL")
    monkeypatch.setattr(schema_module, "migrations", lambda: later)
    with pytest.raises(apsw.SQLError):
        await SqliteWorld(url_of(tmp_path)).open()
    monkeypatch.undo()
    assert schema_version(url_of(tmp_path)) == (KNOWN, KNOWN)
    async with opened(tmp_path) as world:
        await do(world, start_of(1))


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    path = database(tmp_path, "PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew) as caught:
        await SqliteWorld(url_of(tmp_path)).open()
    assert str(caught.value) == (
        f"{url_of(tmp_path)} has schema version 99, this perdure knows up to {KNOWN}: upgrade perdure in this process"
    )
    assert path.read_bytes() == before
    assert schema_version(url_of(tmp_path)) == (KNOWN, 99)


@pytest.mark.parametrize(
    "sql",
    [
        ("CREATE TABLE users (id)",),
        ("PRAGMA application_id = 252006674",),
        ("PRAGMA user_version = 1",),
        ("CREATE TABLE runs (run_id)", "PRAGMA user_version = 1"),
    ],
)
async def test_another_programs_database_is_refused_untouched(sql: tuple[str, ...], tmp_path: Path) -> None:
    path = database(tmp_path, *sql)
    before = path.read_bytes()
    sentence = (
        f"{url_of(tmp_path)!r} is no usable world: the file is another program's SQLite database: choose another path"
    )
    with pytest.raises(WorldInvalid) as caught:
        await SqliteWorld(url_of(tmp_path)).open()
    assert str(caught.value) == sentence
    with pytest.raises(WorldInvalid) as caught:
        schema_version(url_of(tmp_path))
    assert str(caught.value) == sentence
    assert path.read_bytes() == before


async def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.write_bytes(b"order,amount\n" * 500)
    with pytest.raises(WorldInvalid) as caught:
        await SqliteWorld(url_of(tmp_path)).open()
    assert str(caught.value) == (
        f"{url_of(tmp_path)!r} is no usable world: the file is not a SQLite database: choose another path"
    )
    assert path.read_bytes() == b"order,amount\n" * 500


async def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "runs.db").mkdir()
    with pytest.raises(WorldInvalid, match=r"runs\.db can't be opened for writing"):
        await SqliteWorld(url_of(tmp_path)).open()
    with pytest.raises(WorldInvalid, match=r"runs\.db can't be opened for writing"):
        schema_version(url_of(tmp_path))


async def test_many_open_a_new_file_at_once(tmp_path: Path) -> None:
    worlds = [SqliteWorld(url_of(tmp_path)) for _ in range(6)]
    await asyncio.gather(*(world.open() for world in worlds))
    for number, world in enumerate(worlds):
        await do(world, start_of(number))
    assert (await worlds[0].read_run(start_of(5).run_id)) is not None
    for world in worlds:
        await world.close()
