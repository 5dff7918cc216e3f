"""The floor's settings on PostgreSQL, and that a batch is one transaction there."""

import asyncio

from benchmarks.floor_postgres import PostgresCommitter, connect
from tests.benchmarks.reader import stored


def test_every_commit_waits_for_the_disk(postgres: str) -> None:
    settings = "select current_setting('fsync'), current_setting('synchronous_commit')"
    assert stored(postgres, settings) == [("on", "on")]


def test_rows_put_at_once_share_a_transaction(postgres: str) -> None:
    async def put() -> None:
        committer = PostgresCommitter(await connect(postgres))
        await asyncio.gather(*(committer.put(committer.add_event, "wrun_1", seq, b"{}") for seq in range(100)))
        await committer.close()

    asyncio.run(put())
    assert stored(postgres, "select count(*), count(distinct xmin::text) from events") == [(100, 1)]
