"""Which files are opened, migrated, or refused untouched."""

import asyncio
from pathlib import Path

import apsw
import pytest

from perdure.errors import SchemaTooNew, WorldInvalid
from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import (
    FLOW,
    ONE,
    append_to,
    beat,
    chunks_of,
    claim_all,
    do,
    done,
    hook_of,
    hook_with,
    letter_to,
    log_of,
    record_of,
    registering,
    run_id,
    send_to,
    start_of,
    texts_of,
    writing,
)
from perdure.world import Owned, Send, Sent
from perdure.worlds.sqlite import SqliteWorld, schema_version
from perdure.worlds.sqlite import schema as schema_module
from perdure.worlds.sqlite.connection import connect
from perdure.worlds.sqlite.schema import APPLICATION_ID, migrate, migrations
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


@pytest.fixture
def first_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file as the first version of the schema left it: a live run with a letter, another that has ended."""
    (tmp_path / "runs.db").touch()
    first = migrations()[:1]
    with monkeypatch.context() as patched:
        patched.setattr(schema_module, "migrations", lambda: first)
        connection = connect(tmp_path / "runs.db")
        migrate(connection, url_of(tmp_path))
    runs = """
        INSERT INTO runs (run_id, workflow, status, owner, epoch, length, mail, at_ms, deployment, created_at_ms)
        VALUES (?, ?, ?, ?, 1, 2, ?, 5, 'd', 5)
    """
    connection.execute(runs, (run_id(1), FLOW, "running", ONE, 1))
    connection.execute(runs, (run_id(2), FLOW, "completed", None, 0))
    events = "INSERT INTO events VALUES (?, ?, 0, 1, ?, '', x'7b7d', 5, NULL)"
    for number, seq, type in ((1, 1, "run_created"), (1, 2, "run_started"), (2, 1, "run_created"), (2, 2, "run_ended")):
        connection.execute(events, (run_id(number), seq, type))
    connection.execute("INSERT INTO inbox VALUES (1, ?, 'old', 'wake_requested', 'k', x'00')", (run_id(1),))
    connection.close()
    assert schema_version(url_of(tmp_path)) == (KNOWN, 1)


@pytest.mark.usefixtures("first_version")
async def test_a_run_of_the_first_version_goes_on(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        assert schema_version(url_of(tmp_path)) == (KNOWN, KNOWN)
        log = await log_of(world)
        assert [(event.type, event.payload, event.decided) for event in log.rows] == [
            ("run_created", b"{}", None),
            ("run_started", b"{}", None),
        ]
        assert (log.run.writes, log.run.mail, log.run.owner) == (0, 1, ONE)
        assert await world.owned(ONE, with_mail=True) == [Owned(run_id=run_id(1), epoch=1, mail=1)]
        assert (await texts_of(world, 1), await world.streams.list(run_id(1))) == ([], ())
        page = await world.streams.read(run_id(2), "", 0, 1)
        assert page is not None
        assert page.record.closed
        await beat(world)
        await done(world, registering(1, 3, hook_of("a", "t")))
        await done(world, writing(1, 0, chunks_of(1, "", b"x"), seq=4, mail_taken=("old",)))
        assert await do(world, send_to(1, "new", "a")) == Sent()
        [letter] = await world.read_mail(run_id(1))
        assert letter.mail_id == "new"
        await done(world, append_to(1, 4, status="completed", mail_taken=("new",)))
        assert (await hook_with(world, "t")).closed
        assert ((await record_of(world)).length, await texts_of(world)) == (4, [b"x"])


@pytest.mark.usefixtures("first_version")
async def test_mail_of_the_first_version_wakes_its_run(tmp_path: Path) -> None:
    """Its index is made anew, with what is there."""
    async with opened(tmp_path) as world:
        await done(world, append_to(1, 3, release=True, hand_back=True))
        await do(world, Send(letter=letter_to(1, "m2")))
        [claimed] = await claim_all(world)
        assert (claimed.run_id, claimed.length, (await record_of(world)).mail) == (run_id(1), 3, 2)


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
