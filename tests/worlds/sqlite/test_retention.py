"""Who removes looks at an index, and what was removed makes room: the file doesn't grow."""

from pathlib import Path

import apsw
import pytest

from perdure.testing.conformance.sample import (
    ONE,
    append_to,
    beat,
    born,
    chunks_of,
    hook_of,
    registering,
    row,
    run_id,
    start_of,
    writing,
)  # fmt: skip
from perdure.worlds.sqlite import SqliteWorld, retention
from perdure.worlds.sqlite.commit import commit
from perdure.worlds.sqlite.transaction import Transaction
from tests.worlds.sqlite.opened import opened
from tests.worlds.sqlite.plan import plan_of

pytestmark = pytest.mark.anyio

TABLES = ("runs", "events", "inbox", "hooks", "streams", "chunks")


def counts(folder: Path) -> list[int]:
    connection = apsw.Connection(str(folder / "runs.db"))
    try:
        return [connection.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] for table in TABLES]
    finally:
        connection.close()


def pages(folder: Path) -> int:
    connection = apsw.Connection(str(folder / "runs.db"))
    try:
        return connection.execute("PRAGMA page_count").fetchall()[0][0]
    finally:
        connection.close()


async def test_no_scan(tmp_path: Path) -> None:
    async with opened(tmp_path):
        plan = plan_of(tmp_path, retention._DOOMED)
        assert "SEARCH r USING INDEX runs_by_end (ended_at_ms<?)" in plan
        assert "SCAN" not in plan
        assert "TEMP B-TREE" not in plan
        for statement in retention._REMOVE:
            assert "SCAN" not in plan_of(tmp_path, statement)


async def test_a_run_that_ended_in_the_same_transaction(tmp_path: Path) -> None:
    """Its rows are gathered, and not yet in their table."""
    async with opened(tmp_path) as world:
        await born(world)

        def end_and_remove(transaction: Transaction) -> int:
            commit(transaction, [append_to(1, 3, status="completed")])
            return retention._prune(transaction, 0, 1)

        assert await world._store.write(end_and_remove) == 1
        assert counts(tmp_path) == [0] * len(TABLES)


async def live_and_end(world: SqliteWorld, numbers: range) -> None:
    """A run with some of everything, for each number."""
    for number in numbers:
        await beat(world)
        hook = hook_of(token_hash=f"hash {number}")
        ends = (row(payload=b"x" * 500), row("run_completed", payload=b"x" * 500))
        await world.commit([
            start_of(number, owner=ONE, idempotency_key=f"key {number}"),
            registering(number, 3, hook),
            writing(number, 0, chunks_of(number, "", *(b"x" * 200 for _ in range(5))), seq=4),
            append_to(number, 4, rows=ends, status="completed"),
        ])  # fmt: skip


async def test_a_soak(tmp_path: Path) -> None:
    """A hundred runs at a time, of which none is kept for longer than it takes to make as many."""
    sizes: list[int] = []
    async with opened(tmp_path) as world:
        for round in range(12):
            await live_and_end(world, range(round * 100, round * 100 + 100))
            if round:
                assert await world.retention.prune(0, 100) == 100
            assert await world.read_run(run_id(round * 100)) is not None
            assert counts(tmp_path) == [100, 500, 0, 100, 100, 500]
            sizes.append(pages(tmp_path))
    assert sizes[-1] <= sizes[2] * 1.05, sizes
