"""The floor's settings on SQLite, and that a batch is one commit there."""

import asyncio

from benchmarks.floor_sqlite import SqliteCommitter, connect
from benchmarks.place import path_of


def test_every_commit_waits_for_the_disk(sqlite: str) -> None:
    connection = connect(path_of(sqlite))
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2  # FULL
    connection.close()


def test_rows_put_at_once_share_a_commit(sqlite: str) -> None:
    async def put() -> int:
        committer = SqliteCommitter(path_of(sqlite))
        commits = 0

        def count() -> bool:
            nonlocal commits
            commits += 1
            return False

        committer.connection.set_commit_hook(count)
        await asyncio.gather(*(committer.put(committer.add_event, "wrun_1", seq, b"{}") for seq in range(100)))
        await committer.close()
        return commits

    assert asyncio.run(put()) == 1
