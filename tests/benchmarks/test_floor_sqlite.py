"""The floor writes what it says, durably, before it goes on: one that wrote less would flatter nobody but itself."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from benchmarks.floor_sqlite import ADD_EVENT, Committer, FloorSqlite, connect


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[FloorSqlite]:
    floor = FloorSqlite(tmp_path)
    floor.open()
    yield floor
    floor.close()


def stored(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What a reader finds who isn't the floor, and so only what is committed."""
    connection = apsw.Connection(str(folder / "floor.db"))
    rows = list(connection.execute(query))
    connection.close()
    return rows


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    connection = connect(tmp_path / "floor.db")
    assert connection.pragma("journal_mode") == "wal"
    assert connection.pragma("synchronous") == 2  # FULL
    connection.close()


def test_a_run_is_its_start_its_steps_and_its_end(floor: FloorSqlite, tmp_path: Path) -> None:
    floor.sequence(3)
    assert stored(tmp_path, "select seq, cast(payload as text) from events order by seq") == [
        (0, '{"started": true}'),
        (1, '{"result": 1}'),
        (2, '{"result": 1}'),
        (3, '{"result": 1}'),
        (4, '{"ended": true}'),
    ]
    assert len(floor.step_times_s) == 3


def test_parallel_steps_are_a_row_each(floor: FloorSqlite, tmp_path: Path) -> None:
    floor.parallel(200)
    assert stored(tmp_path, "select count(*), max(seq) from events") == [(202, 201)]


def test_many_runs_have_logs_of_their_own(floor: FloorSqlite, tmp_path: Path) -> None:
    floor.many(7, 5)
    assert stored(tmp_path, "select count(distinct run), count(*) from events") == [(7, 7 * 7)]


def test_one_by_one_times_every_run(floor: FloorSqlite, tmp_path: Path) -> None:
    assert len(floor.one_by_one(4)) == 4
    assert stored(tmp_path, "select count(distinct run), count(*) from events") == [(4, 4 * 3)]


def test_sleepers_are_a_row_each(floor: FloorSqlite, tmp_path: Path) -> None:
    floor.sleepers(5)
    assert stored(tmp_path, "select count(*) from sleepers") == [(5,)]


def test_a_row_is_committed_when_put_returns(tmp_path: Path) -> None:
    async def put() -> None:
        committer = Committer(tmp_path / "floor.db", asyncio.get_running_loop())
        for seq in range(3):
            await committer.put(ADD_EVENT, "wrun_1", seq, b"{}")
            assert stored(tmp_path, "select max(seq) from events") == [(seq,)]
        committer.close()

    asyncio.run(put())


def test_rows_put_at_once_share_a_commit(tmp_path: Path) -> None:
    async def put() -> int:
        committer = Committer(tmp_path / "floor.db", asyncio.get_running_loop())
        commits = 0

        def count() -> bool:
            nonlocal commits
            commits += 1
            return False

        committer.connection.set_commit_hook(count)
        await asyncio.gather(*(committer.put(ADD_EVENT, "wrun_1", seq, b"{}") for seq in range(100)))
        committer.close()
        return commits

    assert asyncio.run(put()) == 1


def test_a_killed_process_leaves_its_steps_to_its_successor(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.successor", "die", "floor", str(tmp_path), "4"]
    died = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert died.returncode == -signal.SIGKILL
    assert stored(tmp_path, "select max(seq) from events") == [(4,)]

    floor = FloorSqlite(tmp_path)
    floor.resume(4)
    assert stored(tmp_path, "select max(seq) from events") == [(5,)]
    floor.close()
