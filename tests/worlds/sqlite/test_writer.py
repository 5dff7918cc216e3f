"""The writer: one transaction for all who wait, failures kept apart, and silence after a failed sync."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import apsw
import pytest

from perdure.errors import WorldFull, WorldUnavailable
from perdure.testing.conformance.sample import append_to, born, do, done, log_of, record_of, row, start_of
from perdure.worlds.sqlite import connection as connection_module
from perdure.worlds.sqlite.connection import connect
from perdure.worlds.sqlite.job import Job
from perdure.worlds.sqlite.transaction import Transaction
from perdure.worlds.sqlite.writer import Writer
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


class Put:
    """Puts work, and waits for it."""

    def __init__(self, writer: Writer) -> None:
        self.writer = writer

    def __call__(self, work, *arguments):
        job = Job(work, arguments, asyncio.get_running_loop().create_future())
        self.writer.submit(job)
        return job.future


@asynccontextmanager
async def writing(folder: Path) -> AsyncIterator[Put]:
    path = folder / "x.db"
    made = apsw.Connection(str(path))
    made.execute("PRAGMA journal_mode = WAL")
    made.execute("CREATE TABLE t (x UNIQUE)")
    made.close()
    writer = Writer(connect(path), path, lambda: 7, [])
    try:
        yield Put(writer)
    finally:
        await asyncio.to_thread(writer.close)


def insert(transaction: Transaction, value: object) -> int:
    """The transaction, told apart by its id."""
    transaction.connection.execute("INSERT INTO t VALUES (?)", (value,))
    return id(transaction)


def kept(folder: Path) -> list[object]:
    connection = apsw.Connection(str(folder / "x.db"))
    try:
        return [value for (value,) in connection.execute("SELECT x FROM t ORDER BY x").fetchall()]
    finally:
        connection.close()


async def test_all_who_wait_share_a_transaction(tmp_path: Path) -> None:
    async with writing(tmp_path) as put:
        let_go = threading.Event()
        first = put(lambda transaction: let_go.wait(10))
        waiting = [put(insert, number) for number in range(50)]
        let_go.set()
        assert await first
        transactions = set(await asyncio.gather(*waiting))
        assert len(transactions) == 1
    assert kept(tmp_path) == list(range(50))


async def test_a_failure_is_alone(tmp_path: Path) -> None:
    def poison(transaction: Transaction) -> None:
        insert(transaction, "poison")
        raise RuntimeError("poison")

    async with writing(tmp_path) as put:
        let_go = threading.Event()
        put(lambda transaction: let_go.wait(10))
        jobs = [put(insert, 1), put(poison), put(insert, 2), put(insert, 1), put(insert, 3)]
        let_go.set()
        results = await asyncio.gather(*jobs, return_exceptions=True)
    kinds = [type(result).__name__ for result in results]
    assert kinds == ["int", "RuntimeError", "int", "ConstraintError", "int"]
    assert kept(tmp_path) == [1, 2, 3]


async def test_the_clock_is_read_under_the_lock(tmp_path: Path) -> None:
    async with writing(tmp_path) as put:
        assert await put(lambda transaction: (transaction.now_ms, transaction.connection.in_transaction)) == (7, True)


async def test_a_close_finishes_what_was_put(tmp_path: Path) -> None:
    async with writing(tmp_path) as put:
        jobs = [put(insert, number) for number in range(2500)]
    await asyncio.gather(*jobs)
    assert len(kept(tmp_path)) == 2500
    with pytest.raises(WorldUnavailable):
        await put(insert, 9999)


async def test_a_lock_that_stays_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "_NAPS", 3)
    async with writing(tmp_path) as put:
        other = apsw.Connection(str(tmp_path / "x.db"))
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(put(insert, 1), put(insert, 2), return_exceptions=True)
        assert [str(result) for result in results] == [
            f"the world can't be reached: another process has kept {tmp_path}/x.db locked for 10 s"
        ] * 2
        assert results[0] is not results[1]
        other.execute("ROLLBACK")
        await put(insert, 3)
        other.close()
    assert kept(tmp_path) == [3]


async def test_the_log_is_written_back(tmp_path: Path) -> None:
    """Without checkpoints it would grow with every commit."""
    async with writing(tmp_path) as put:
        for _ in range(12):
            await put(insert, apsw.zeroblob(1_000_000))
            await put(lambda transaction: transaction.connection.execute("DELETE FROM t"))
        assert (tmp_path / "x.db-wal").stat().st_size < 9_000_000


async def test_a_full_disk_refuses_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[apsw.Connection] = []
    monkeypatch.setattr(apsw, "connection_hooks", [made.append])
    async with opened(tmp_path) as world:
        await born(world)
        for connection in made:
            pages = connection.pragma("page_count")
            connection.pragma("max_page_count", pages + 2)
        refused = asyncio.gather(
            world.commit([append_to(1, 3, rows=(row(payload=b"x" * 100_000),)), start_of(2)]),
            world.commit([start_of(3)]),
            return_exceptions=True,
        )
        full, other = await refused
        assert isinstance(full, WorldFull)
        assert str(full).startswith(f"the disk under {tmp_path}/runs.db is full: nothing more is accepted")
        assert isinstance(other, list), "what fits is taken"
        assert (await record_of(world)).length == 2
        assert await world.read_run(start_of(2).run_id) is None
        for connection in made:
            connection.pragma("max_page_count", 1 << 30)
        await done(world, append_to(1, 3, rows=(row(payload=b"x" * 100_000),)))
        assert len((await log_of(world)).rows) == 3


class _Failing:
    """A connection whose `statement` fails, as with a disk that is broken."""

    def __init__(self, connection, statement: str, error: Exception) -> None:
        self._connection, self._statement, self._error = connection, statement, error

    def execute(self, sql, *bindings):
        if sql == self._statement:
            raise self._error
        return self._connection.execute(sql, *bindings)

    def __getattr__(self, name):
        return getattr(self._connection, name)


async def test_after_a_failed_commit_nothing_is_acknowledged(tmp_path: Path) -> None:
    async with writing(tmp_path) as put:
        await put(insert, 1)
        put.writer._connection = _Failing(put.writer._connection, "COMMIT", apsw.IOError("disk I/O error"))
        results = await asyncio.gather(put(insert, 2), put(insert, 3), return_exceptions=True)
        put.writer._connection = put.writer._connection._connection
        results.append((await asyncio.gather(put(insert, 4), return_exceptions=True))[0])
        for result in results:
            assert isinstance(result, WorldUnavailable)
            assert "restart the process" in str(result)
    assert kept(tmp_path) == [1]


async def test_another_error_of_the_disk_is_one_calls_own(tmp_path: Path) -> None:
    async with writing(tmp_path) as put:
        put.writer._connection = _Failing(put.writer._connection, "BEGIN IMMEDIATE", apsw.IOError("disk I/O error"))
        with pytest.raises(WorldUnavailable, match=r"x\.db: disk I/O error"):
            await put(insert, 2)
        put.writer._connection = put.writer._connection._connection
        await put(insert, 4)
    assert kept(tmp_path) == [4]


async def test_a_hint_that_fails_harms_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    heard = threading.Event()

    def broken() -> None:
        raise RuntimeError("broken")

    async with opened(tmp_path) as world:
        world.subscribe(broken)
        world.subscribe(heard.set)
        await do(world, start_of(1))
        assert await asyncio.to_thread(heard.wait, 10)
        await do(world, start_of(2))
    assert "a hint failed" in caplog.text
