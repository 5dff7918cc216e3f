"""Streams: a page comes by index, in one snapshot, and holds no more than a page's bytes."""

import pytest

from perdure.testing.conformance.sample import born, chunks_of, done, run_id, writing
from perdure.world.stream import PAGE_BYTES
from perdure.worlds.postgres import stream
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.stream import chunk_words
from tests.worlds.postgres.database import database, plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


def test_words() -> None:
    data = Data()
    data.put(b"before")
    words = chunk_words(chunks_of(1, "s\0", b"a", b"b", close=True), data)
    assert (words["stream"], words["first"], words["count"], words["close"]) == ("s\x01\x01", 2, 2, True)
    assert data.values == [b"before", b"a", b"b"]
    assert "close" not in chunk_words(chunks_of(1), data)


async def test_a_page_ends_with_the_chunk_that_fills_it(url: str) -> None:
    half = b"x" * (PAGE_BYTES // 2)
    async with opened(url) as world:
        await born(world)
        await done(world, writing(1, 0, chunks_of(1, "", half, half, b"more")))
        page = await world.streams.read(run_id(1), "", 0, 10)
        assert page is not None
        assert [chunk.index for chunk in page.chunks] == [0, 1]
        assert page.record.length == 3


SCANS = "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables"
READ = "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'chunks'::regclass"


async def test_a_page_reads_no_more_than_itself(url: str) -> None:
    """Of a stream that has just become long, so that nobody has counted its chunks."""
    async with opened(url) as world, database(url) as connection:
        await born(world)
        await done(world, writing(1, 0, chunks_of(1, "", b"first")))
        await connection.execute(
            "INSERT INTO chunks SELECT id, n, 'x', NULL, 1 FROM streams, generate_series(1, 20000) AS n"
        )
        page = qualified(stream._READ, location_of(url).schema)
        async with connection.transaction():
            before = [await connection.fetchval(asked) for asked in (SCANS, READ)]
            [row] = await connection.fetch(page, run_id(1), "", 5000, 500, PAGE_BYTES)
            assert row["indexes"] == [*range(5000, 5500)]
            scans, read = [await connection.fetchval(asked) for asked in (SCANS, READ)]
        assert (scans, read) == (before[0], before[1] + 500)


async def test_indexes_are_used(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    assert "streams_run_id_stream_key" in await plan_of(url, stream._LIST, run_id(5))
