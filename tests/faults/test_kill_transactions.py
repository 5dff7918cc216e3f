"""Processes that get SIGKILL while their steps pay: each payment is there exactly once, with its completion."""

import asyncio
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import apsw
import asyncpg
import pytest

from perdure import close, configure, get_run, list_runs, start
from perdure.api.connect import upgrade_at
from tests.faults.chaos import CHAOS
from tests.faults.paying import PLACES, buy
from tests.worlds.postgres.server import running, url_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
RUNS = 300 if CHAOS else 60
LIVES = 24 if CHAOS else 6
PATIENCE_S = 120
Booked = list[tuple[str, int]]


def life(url: str, runs: int, place: str = "", number: int = 0) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "tests.faults.paying", url, str(runs), *((place, str(number)) if place else ())]
    return subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)


def lived(url: str, runs: int, place: str = "", number: int = 0) -> int:
    """The exit code of a life."""
    with life(url, runs, place, number) as child:
        try:
            return child.wait(PATIENCE_S)
        finally:
            child.kill()


async def completions(url: str) -> tuple[Counter[tuple[str, int]], Counter[str]]:
    """Of payments: by step and attempt; and how many runs there are of each status."""
    configure(world=url, work=False)
    found, statuses = Counter[tuple[str, int]](), Counter[str]()
    async for run in list_runs():
        statuses[run.status] += 1
        async for step in get_run(run.run_id).steps():
            if step.name == "paying:pay" and step.status == "completed":
                found[step.step_id, step.attempt] += 1
    await close()
    return found, statuses


def differences(booked: Booked, completed: Counter[tuple[str, int]]) -> Iterator[str]:
    rows = Counter(booked)
    for payment in rows.keys() | completed.keys():
        if (rows[payment], completed[payment]) != (1, 1):
            yield f"{payment} is there {rows[payment]} times, and completed {completed[payment]} times"


class OnSqlite:
    def __init__(self, folder: Path) -> None:
        self.url, self._path = f"sqlite:///{folder}/runs.db", f"{folder}/runs.db"

    async def make(self) -> None:
        await asyncio.to_thread(upgrade_at, self.url)
        apsw.Connection(self._path).execute("CREATE TABLE paid (step_id, attempt)")

    async def booked(self) -> Booked:
        return list(apsw.Connection(self._path).execute("SELECT step_id, attempt FROM paid"))


class OnPostgres:
    def __init__(self, uri: str) -> None:
        self._uri, self._schema = uri, f"k_{uuid4().hex[:12]}"
        self.url = url_of(uri, self._schema)

    async def make(self) -> None:
        await asyncio.to_thread(upgrade_at, self.url)
        await self._do("DROP TABLE IF EXISTS public.paid; CREATE TABLE public.paid (step_id text, attempt int)")

    async def booked(self) -> Booked:
        connection = await asyncpg.connect(self._uri)
        try:
            return [tuple(row) for row in await connection.fetch("SELECT step_id, attempt FROM public.paid")]
        finally:
            await connection.close()

    async def _do(self, sql: str) -> None:
        connection = await asyncpg.connect(self._uri)
        await connection.execute(sql)
        await connection.close()


@pytest.mark.parametrize("place", PLACES)
async def test_on_sqlite_one_after_the_other(place: str, tmp_path: Path) -> None:
    there = OnSqlite(tmp_path)
    await there.make()
    for number in range(LIVES):
        code = await asyncio.to_thread(lived, there.url, RUNS, place, 3 + 7 * number)
        assert code == -signal.SIGKILL, f"life {number} has ended by itself: {code}"
        found, _ = await completions(there.url)
        assert [*differences(await there.booked(), found)] == []
    assert await asyncio.to_thread(lived, there.url, RUNS) == 0
    found, statuses = await completions(there.url)
    assert statuses == {"completed": RUNS}
    assert len(found) == 3 * RUNS
    assert [*differences(await there.booked(), found)] == []


async def test_on_sqlite_two_at_a_time(tmp_path: Path) -> None:
    """On one file: who dies has kept the other waiting no longer than it lived."""
    there = OnSqlite(tmp_path)
    await there.make()
    await beside_each_other(there)


async def test_on_postgres_a_fleet(tmp_path: Path) -> None:
    with running() as uri:
        there = OnPostgres(uri)
        await there.make()
        await beside_each_other(there)


async def beside_each_other(there: OnSqlite | OnPostgres) -> None:
    """Runs that nobody owns at birth; workers that claim many, and die after some payments; and at last one that lives."""
    numbers = iter(range(LIVES))

    def mortal() -> "subprocess.Popen[bytes]":
        number = next(numbers)
        return life(there.url, 0, PLACES[number % 3], 3 + 4 * number)

    dying = [mortal(), mortal()]
    configure(world=there.url, work=False)
    for number in range(RUNS):
        await start(buy, f"{number}")
    deaths = 0
    try:
        async with asyncio.timeout(PATIENCE_S):
            while dying:
                await asyncio.sleep(0.02)
                for one in [one for one in dying if one.poll() is not None]:
                    assert one.wait() == -signal.SIGKILL
                    deaths += 1
                    dying.remove(one)
                    dying += [mortal()] if deaths + len(dying) < LIVES else []
    finally:
        for one in dying:
            one.kill()
            one.wait()
        await close()
    with life(there.url, 0) as survivor:
        found, statuses = await completions(there.url)
        while statuses != {"completed": RUNS} and survivor.poll() is None:
            await asyncio.sleep(0.2)
            found, statuses = await completions(there.url)
        survivor.kill()
    assert (deaths, len(found)) == (LIVES, 3 * RUNS)
    assert [*differences(await there.booked(), found)] == []


def test_a_difference_is_seen() -> None:
    completed = Counter({("a", 1): 1, ("b", 2): 1})
    assert [*differences([("a", 1), ("b", 2)], completed)] == []
    assert [*differences([("a", 1)], completed)] == ["('b', 2) is there 0 times, and completed 1 times"]
    assert [*differences([("a", 1), ("a", 1), ("b", 2)], completed)] == [
        "('a', 1) is there 2 times, and completed 1 times"
    ]
    assert [*differences([("a", 1), ("b", 2), ("b", 1)], completed)] == [
        "('b', 1) is there 1 times, and completed 0 times"
    ]
