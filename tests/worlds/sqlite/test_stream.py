"""Streams on disk: read by index, numbered whoever writes, in one snapshot, and there again after a restart."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from perdure.testing.conformance.sample import (
    append_to,
    born,
    chunks_of,
    do,
    done,
    run_id,
    start_of,
    stream_of,
    texts_of,
    writing,
)
from perdure.world import Appended
from perdure.worlds.sqlite import stream
from perdure.worlds.sqlite.connection import Connection, connect
from tests.worlds.sqlite.opened import opened
from tests.worlds.sqlite.plan import plan_of

pytestmark = pytest.mark.anyio

PLANS = {
    "_FIND": "SEARCH runs USING PRIMARY KEY (run_id=?) | "
    "SEARCH streams USING INDEX sqlite_autoindex_streams_1 (run_id=? AND stream=?) LEFT-JOIN",
    "_READ": "SEARCH chunks USING PRIMARY KEY (stream_id=? AND idx>?)",
    "_LIST": "SEARCH streams USING INDEX sqlite_autoindex_streams_1 (run_id=?)",
    "_SET_ALL": "SEARCH streams USING INDEX sqlite_autoindex_streams_1 (run_id=?)",
    "_ADVANCE": "SEARCH streams USING INTEGER PRIMARY KEY (rowid=?)",
}


@pytest.mark.parametrize("name", PLANS)
async def test_streams_are_found_by_index(name: str, tmp_path: Path) -> None:
    """Also when SQLite has looked at the tables, and thought anew."""
    async with opened(tmp_path) as world:
        for number in range(20):
            await born(world, number)
            await done(world, writing(number, 0, *(chunks_of(number, f"{place}", b"x") for place in range(5))))
        for _ in range(2):
            assert plan_of(tmp_path, getattr(stream, name)) == PLANS[name]
            connection = apsw.Connection(str(tmp_path / "runs.db"))
            connection.execute("ANALYZE")
            connection.close()


async def test_chunks_of_two_processes_are_numbered_without_gaps(tmp_path: Path) -> None:
    """A child in another process writes into its parent's stream."""
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        await born(one, 1)
        await born(other, 2)
        worlds = {1: one, 2: other}
        outcomes = await asyncio.gather(
            *(
                do(worlds[number], writing(number, place, chunks_of(1, "", b"%d/%d" % (number, place))))
                for place in range(60)
                for number in (1, 2)
            )
        )
        assert {type(outcome) for outcome in outcomes} == {Appended}
        texts = await texts_of(one)
        assert len(texts) == 120
        for number in (1, 2):
            mine = [text for text in texts if text.startswith(b"%d/" % number)]
            assert mine == [b"%d/%d" % (number, place) for place in range(60)]


async def test_streams_are_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        await done(world, writing(1, 0, chunks_of(1, "a", b"1", b"2"), chunks_of(1, "b", close=True)))
    async with opened(tmp_path) as world:
        assert await texts_of(world, 1, "a") == [b"1", b"2"]
        assert [(each.stream, each.closed) for each in await world.streams.list(run_id(1))] == [
            ("a", False),
            ("b", True),
        ]
        await done(world, writing(1, 1, chunks_of(1, "a", b"3"), status="failed"))
    async with opened(tmp_path) as world:
        await done(world, append_to(1, 3, seize=True, status="running"))
        assert [(each.stream, each.closed) for each in await world.streams.list(run_id(1))] == [
            ("a", False),
            ("b", True),
        ]
        assert await texts_of(world, 1, "a") == [b"1", b"2", b"3"]


async def test_reading_a_stream_leaves_nothing_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that stayed in its transaction would never see what is written later; also where a page ends early."""
    monkeypatch.setattr(stream, "PAGE_BYTES", 2)
    async with opened(tmp_path) as world:
        await born(world)
        for place in range(6):
            await done(world, writing(1, place, chunks_of(1, "", b"ab", b"c")))
            for _ in range(3):  # both readers
                page = await world.streams.read(run_id(1), "", 0, 100)
                assert page is not None
                assert (page.record.length, len(page.chunks)) == (2 * place + 2, 1)
        assert await world.streams.read(run_id(2), "", 0, 100) is None
        await do(world, start_of(2))
        for _ in range(3):
            assert await world.read_run(run_id(2)) is not None


class Interrupted:
    """A reader's connection, with somebody who commits just before it reads the chunks."""

    def __init__(self, reader: Connection, writer: Connection) -> None:
        self._reader, self._writer = reader, writer

    def execute(self, sql: str, *bindings: Any) -> Any:
        if "FROM chunks" in sql:
            self._writer.execute("UPDATE streams SET length = length + 1, closed = 1")
            self._writer.execute("INSERT INTO chunks SELECT id, length - 1, x'7a', NULL, 0 FROM streams")
        return self._reader.execute(sql, *bindings)


async def test_a_page_is_one_snapshot(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        await done(world, writing(1, 0, chunks_of(1, "", b"a")))
    reader, writer = connect(tmp_path / "runs.db"), connect(tmp_path / "runs.db")
    page = stream._read(cast(Connection, Interrupted(reader, writer)), run_id(1), "", 0, 10)
    assert page is not None
    assert (page.record.length, page.record.closed, len(page.chunks)) == (1, False, 1)
    reader.execute("ROLLBACK")
    page = stream._read(reader, run_id(1), "", 0, 10)
    assert page is not None
    assert (page.record.length, page.record.closed, len(page.chunks)) == (2, True, 2)
    reader.close()
    writer.close()


async def test_a_full_page_reads_no_further(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What doesn't fit into it isn't fetched from the disk to be thrown away."""
    monkeypatch.setattr(stream, "PAGE_BYTES", 3)
    seen: list[int] = []

    class Watched:
        def __init__(self, connection: Connection) -> None:
            self._connection = connection

        def execute(self, sql: str, *bindings: Any) -> Any:
            rows = self._connection.execute(sql, *bindings)
            return (seen.append(row[0]) or row for row in rows) if "FROM chunks" in sql else rows

    async with opened(tmp_path) as world:
        await born(world)
        await done(world, writing(1, 0, chunks_of(1, "", *[b"a"] * 50)))
    connection = connect(tmp_path / "runs.db")
    page = stream._read(cast(Connection, Watched(connection)), run_id(1), "", 10, 40)
    assert page is not None
    assert [chunk.index for chunk in page.chunks] == seen == [10, 11, 12]
    connection.close()


async def test_a_stream_grows_by_what_is_added(tmp_path: Path) -> None:
    """The chunks that are there aren't touched: the file's log grows by the same for the last as for the first."""
    async with opened(tmp_path) as world:
        await born(world)
        sizes: list[int] = []
        for place in range(40):
            await done(world, writing(1, place, chunks_of(1, "", bytes(3000))))
            sizes.append((tmp_path / "runs.db-wal").stat().st_size)
        grown = [after - before for before, after in pairwise(sizes)]
        assert max(grown[20:]) <= 2 * max(grown[:10])
        assert (await stream_of(world)).record.length == 40
