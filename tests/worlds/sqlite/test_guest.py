"""Steps as guests in the file: what they may do, how long they may stay, and that the others wait no longer than that."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import apsw
import pytest

from perdure.errors import StepTimeout, TransactionInvalid, WorldFull, WorldUnavailable
from perdure.testing.conformance.sample import append_to, born, log_of, record_of, row
from perdure.world import Appended
from perdure.worlds.sqlite import SqliteWorld, guest
from perdure.worlds.sqlite.connection import connect
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio

ENDED = (
    "step shop:charge and its transaction don't go together: it has ended the transaction itself; leave COMMIT and "
    "ROLLBACK to perdure, and use a savepoint for what may fail"
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncGenerator[SqliteWorld]:
    async with opened(tmp_path) as world:
        await born(world)
        beside(world).execute("CREATE TABLE paid (cents)")
        yield world


def beside(world: SqliteWorld) -> apsw.Connection:
    """Another connection, as of another process."""
    return apsw.Connection(str(world._store._path))


def paid(world: SqliteWorld) -> list[int]:
    return [cents for [cents] in beside(world).execute("SELECT cents FROM paid ORDER BY cents")]


async def visiting(world: SqliteWorld, cents: int = 1) -> guest.Guest:
    begun = await world.transactions.begin("shop:charge")
    begun.connection.execute("INSERT INTO paid VALUES (?)", (cents,))
    return begun


async def test_a_savepoint_is_no_end(world: SqliteWorld) -> None:
    begun = await visiting(world)
    with pytest.raises(ZeroDivisionError), begun.connection:
        begun.connection.execute("INSERT INTO paid VALUES (2)")
        raise ZeroDivisionError
    with begun.connection:
        begun.connection.execute("INSERT INTO paid VALUES (3)")
    assert isinstance(await begun.commit(append_to(1, 3)), Appended)
    assert paid(world) == [1, 3]


@pytest.mark.parametrize("word", ["COMMIT", "END"])
async def test_a_commit_is_refused_where_it_is_said(world: SqliteWorld, word: str) -> None:
    begun = await visiting(world)
    with pytest.raises(TransactionInvalid) as caught:
        begun.connection.execute(word)
    assert str(caught.value) == ENDED
    with pytest.raises(TransactionInvalid):
        begun.connection.execute("INSERT INTO paid VALUES (2)")  # nothing gets in afterwards either
    with pytest.raises(TransactionInvalid):
        await begun.commit(append_to(1, 3))
    assert (paid(world), len((await log_of(world)).rows)) == ([], 2)


async def test_a_conflict_that_rolls_back_is_an_end(world: SqliteWorld) -> None:
    """SQLite ends transactions by itself, too."""
    begun = await visiting(world)
    begun.connection.execute("CREATE TEMP TABLE once (n PRIMARY KEY ON CONFLICT ROLLBACK)")
    begun.connection.execute("INSERT INTO once VALUES (1)")
    with pytest.raises(apsw.ConstraintError):
        begun.connection.execute("INSERT INTO once VALUES (1)")
    with pytest.raises(TransactionInvalid, match="has ended the transaction itself"):
        await begun.commit(append_to(1, 3))
    assert paid(world) == []


async def test_a_temporary_table_must_not_hide_perdures(world: SqliteWorld) -> None:
    begun = await visiting(world)
    begun.connection.execute("CREATE TEMP TABLE Events (n)")
    with pytest.raises(TransactionInvalid, match="its temporary Events hides perdure's; give it another name"):
        await begun.commit(append_to(1, 3))
    assert (paid(world), len((await log_of(world)).rows)) == ([], 2)


async def test_traces_of_the_connection_do_not_matter(world: SqliteWorld) -> None:
    begun = await visiting(world)
    begun.connection.row_trace = lambda cursor, row: {"row": row}
    begun.connection.exec_trace = lambda *_: False
    assert isinstance(await begun.commit(append_to(1, 3, attributes={"a": "b"})), Appended)
    assert (paid(world), (await record_of(world)).attributes) == ([1], {"a": "b"})


async def test_open_cursors_do_not_matter(world: SqliteWorld) -> None:
    begun = await visiting(world)
    left = begun.connection.execute("SELECT 1 UNION SELECT 2; SELECT 3")
    next(left)
    assert isinstance(await begun.commit(append_to(1, 3)), Appended)
    assert paid(world) == [1]


async def test_others_write_when_it_has_left(world: SqliteWorld) -> None:
    begun = await visiting(world)
    waiting = asyncio.ensure_future(world.commit([append_to(1, 4)]))
    other = asyncio.ensure_future(visiting(world, 2))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert not other.done()
    assert isinstance(await begun.commit(append_to(1, 3)), Appended)
    assert isinstance((await waiting)[0], Appended)
    assert isinstance(await (await other).commit(append_to(1, 5)), Appended)
    assert paid(world) == [1, 2]


async def test_reading_goes_on(world: SqliteWorld) -> None:
    begun = await visiting(world)
    assert (await record_of(world)).length == 2
    begun.rollback()


async def test_who_stays_too_long_is_shown_out(world: SqliteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a loop that is stuck: the engine's own limit comes before."""
    monkeypatch.setattr(guest, "LIMIT_MS", 20)
    monkeypatch.setattr(guest, "_GRACE_S", 0.02)
    begun = await visiting(world)
    assert isinstance((await world.commit([append_to(1, 3)]))[0], Appended)
    with pytest.raises(apsw.ConnectionClosedError):
        begun.connection.execute("INSERT INTO paid VALUES (2)")
    with pytest.raises(StepTimeout, match="took longer than"):
        await begun.commit(append_to(1, 4))
    assert paid(world) == []


async def test_a_thread_is_interrupted_in_its_statement(world: SqliteWorld) -> None:
    begun = await visiting(world)
    told: list[BaseException] = []
    inside = threading.Event()

    def work() -> None:
        try:
            inside.set()
            endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
            begun.connection.execute(endless).fetchall()
        except apsw.Error as error:
            told.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    inside.wait()
    begun.rollback()
    assert isinstance((await world.commit([append_to(1, 3)]))[0], Appended)
    thread.join(5)
    assert isinstance(told[0], apsw.InterruptError | apsw.ConnectionClosedError)
    assert paid(world) == []


async def test_a_visitor_that_is_cancelled_at_the_door_keeps_nobody_waiting(world: SqliteWorld) -> None:
    first = await visiting(world)
    second = asyncio.ensure_future(world.transactions.begin("shop:charge"))
    await asyncio.sleep(0)
    second.cancel()
    first.rollback()
    with pytest.raises(asyncio.CancelledError):
        await second
    async with asyncio.timeout(2):
        assert isinstance((await world.commit([append_to(1, 3)]))[0], Appended)


async def test_a_file_that_another_process_keeps_is_told(world: SqliteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest, "connect", impatient)
    other = beside(world)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(WorldUnavailable, match="another process has kept"):
        await world.transactions.begin("shop:charge")
    other.execute("ROLLBACK")
    assert isinstance(await (await visiting(world)).commit(append_to(1, 3)), Appended)


def impatient(path: Path) -> Any:
    connection: Any = connect(path)
    connection.set_busy_timeout(10)
    return connection


async def test_a_full_disk_writes_nothing(world: SqliteWorld) -> None:
    begun = await visiting(world)
    begun.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(WorldFull):
        await begun.commit(append_to(1, 3, rows=(row(payload=b"x" * 1_000_000),)))
    assert (paid(world), len((await log_of(world)).rows)) == ([], 2)
    assert isinstance(await (await visiting(world)).commit(append_to(1, 3)), Appended)


async def test_a_disk_that_fails_stops_the_writer(world: SqliteWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """P11: after that nothing is acknowledged, and whether this was written is unknown."""
    begun = await visiting(world)
    entered = guest.Guest.last

    def last(visitor: guest.Guest, now_ms: int) -> Any:
        connection, transaction = entered(visitor, now_ms)
        return Failing(connection), transaction

    monkeypatch.setattr(guest.Guest, "last", last)
    with pytest.raises(WorldUnavailable, match="the disk failed"):
        await begun.commit(append_to(1, 3))
    with pytest.raises(WorldUnavailable, match="the disk failed"):
        await world.commit([append_to(1, 3)])
    with pytest.raises(WorldUnavailable, match="the disk failed"):
        await world.transactions.begin("shop:charge")


class Failing:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, sql: str) -> Any:
        if sql == "COMMIT":
            raise apsw.IOError("fsync")
        return self._connection.execute(sql)


async def test_a_fork_waits_until_it_has_left(world: SqliteWorld) -> None:
    """The child would have a connection whose locks are its parent's."""
    begun = await visiting(world)
    threading.Timer(0.1, begun.rollback).start()
    child = os.fork()
    if not child:
        os._exit(0 if begun._inside is None else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert isinstance((await world.commit([append_to(1, 3)]))[0], Appended)


async def test_a_closed_world_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        pass
    with pytest.raises(WorldUnavailable, match="it is not open in this process"):
        await world.transactions.begin("shop:charge")
