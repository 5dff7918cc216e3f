"""Streams: a page comes by index, in one snapshot, and holds no more than a page's bytes."""

import pytest

from perdure.testing.conformance.sample import born, chunks_of, done, run_id, writing
from perdure.world.stream import PAGE_BYTES
from perdure.worlds.postgres import stream
from perdure.worlds.postgres.data import Data
from perdure.worlds.postgres.stream import chunk_words
from tests.worlds.postgres.database import plan_of
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


async def test_indexes_are_used(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    read = await plan_of(url, stream._READ, run_id(5), "", 0, 500)
    for index in ("runs_pkey", "streams_run_id_stream_key", "chunks_pkey"):
        assert index in read
    assert "Seq Scan" not in read
    assert "streams_run_id_stream_key" in await plan_of(url, stream._LIST, run_id(5))
