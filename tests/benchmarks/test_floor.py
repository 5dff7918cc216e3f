"""The floor writes what it says, durably, before it goes on: one that wrote less would flatter nobody but itself."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.floor import Floor
from benchmarks.place import store_of
from benchmarks.system import load
from tests.benchmarks.reader import stored


@pytest.fixture
def floor(place: str) -> Iterator[Floor]:
    floor = floor_at(place)
    floor.open()
    yield floor
    floor.close()


def floor_at(place: str) -> Floor:
    floor = load("floor", place)
    assert isinstance(floor, Floor)
    return floor


def test_a_run_is_its_start_its_steps_and_its_end(floor: Floor, place: str) -> None:
    floor.sequence(3)
    text = "cast(payload as text)" if store_of(place) == "sqlite" else "convert_from(payload, 'UTF8')"
    assert stored(place, f"select seq, {text} from events order by seq") == [
        (0, '{"started": true}'),
        (1, '{"result": 1}'),
        (2, '{"result": 1}'),
        (3, '{"result": 1}'),
        (4, '{"ended": true}'),
    ]
    assert len(floor.step_times_s) == 3


def test_parallel_steps_are_a_row_each(floor: Floor, place: str) -> None:
    floor.parallel(200)
    assert stored(place, "select count(*), max(seq) from events") == [(202, 201)]


def test_many_runs_have_logs_of_their_own(floor: Floor, place: str) -> None:
    floor.many(7, 5)
    assert stored(place, "select count(distinct run), count(*) from events") == [(7, 7 * 7)]


def test_one_by_one_times_every_run(floor: Floor, place: str) -> None:
    assert len(floor.one_by_one(4)) == 4
    assert stored(place, "select count(distinct run), count(*) from events") == [(4, 4 * 3)]


def test_sleepers_are_a_row_each(floor: Floor, place: str) -> None:
    floor.sleepers(5)
    assert stored(place, "select count(*) from sleepers") == [(5,)]


def test_commits_are_a_row_each(floor: Floor, place: str) -> None:
    assert len(floor.one_commit_each(3)) == 3
    assert stored(place, "select count(*) from sleepers") == [(3,)]


def test_a_row_is_committed_when_put_returns(place: str) -> None:
    async def put() -> None:
        committer = await floor_at(place).connect()
        for seq in range(3):
            await committer.put(committer.add_event, "wrun_1", seq, b"{}")
            assert await asyncio.to_thread(stored, place, "select max(seq) from events") == [(seq,)]
        await committer.close()

    asyncio.run(put())


def test_rows_put_at_once_share_a_commit(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def put() -> list[int]:
        committer = await floor_at(place).connect()
        batches: list[int] = []
        write = committer.write
        monkeypatch.setattr(committer, "write", lambda batch: (batches.append(len(batch)), write(batch)))
        first = committer.put(committer.add_event, "wrun_1", 0, b"{}")
        await asyncio.gather(first, *(committer.put(committer.add_event, "wrun_2", seq, b"{}") for seq in range(99)))
        await committer.close()
        return batches

    assert asyncio.run(put()) == [100]


def test_a_crew_shares_the_runs_out(place: str) -> None:
    floor = floor_at(place)
    floor.open(crew=2)
    floor.many(6, 5)
    floor.close()
    assert stored(place, "select count(distinct run), count(*) from events") == [(6, 6 * 7)]
    assert stored(place, "select count(distinct substr(run, 1, 15)) from events") == [(2,)]  # which process


def test_a_killed_process_leaves_its_steps_to_its_successor(place: str) -> None:
    command = [sys.executable, "-m", "benchmarks.successor", "die", "floor", place, "4"]
    died = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert died.returncode == -signal.SIGKILL
    assert stored(place, "select max(seq) from events") == [(4,)]

    floor = floor_at(place)
    floor.resume(4)
    assert stored(place, "select max(seq) from events") == [(5,)]
    floor.close()
