import asyncio
from pathlib import Path

import apsw
import pytest

from perdure.errors import WorldUnavailable
from perdure.worlds.sqlite.connection import connect_reader
from perdure.worlds.sqlite.job import Job
from perdure.worlds.sqlite.reader import Readers

pytestmark = pytest.mark.anyio


def ask(readers: Readers, work, *arguments):
    job = Job(work, arguments, asyncio.get_running_loop().create_future())
    readers.submit(job)
    return job.future


async def test_readers_answer_fail_and_end(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    apsw.Connection(str(path)).execute("CREATE TABLE t (x)")
    readers = Readers([connect_reader(path, {}), connect_reader(path, {})], path)
    assert await ask(readers, lambda connection, number: number + 1, 41) == 42
    with pytest.raises(apsw.SQLError):
        await ask(readers, lambda connection: connection.execute("SELECT * FROM none"))
    await ask(readers, lambda connection: connection.execute("BEGIN"))
    states = [await ask(readers, lambda connection: connection.in_transaction) for _ in range(4)]
    assert not any(states)
    last = [ask(readers, lambda connection: 7) for _ in range(20)]
    await asyncio.to_thread(readers.close)
    assert await asyncio.gather(*last) == [7] * 20
    with pytest.raises(WorldUnavailable):
        await ask(readers, lambda connection: 7)
