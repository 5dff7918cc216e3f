"""Transactional steps over PostgreSQL: lost answers to commits, deadlocks, frozen workers, steps that nobody awaits."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager

import pytest

from perdure import RunFailed, TransactionInvalid, get_run, start, worker
from perdure.api.connect import upgrade_at
from perdure.engine import transaction as enclosing
from tests.worlds.postgres.cutting import cutting
from tests.worlds.postgres.database import database
from tests.worlds.postgres.fleet import STUCK
from tests.worlds.postgres.payments import (
    TABLE,
    loses_patience,
    pays,
    pays_and_locks,
    pays_crossed,
    pays_not_async,
    pays_stuck,
)
from tests.worlds.postgres.test_fleet import ROOT, read, using

pytestmark = pytest.mark.anyio


@pytest.fixture
async def table(url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[str]:
    schema = f"u_{url.partition('schema=')[2].partition('&')[0]}"
    monkeypatch.setenv(TABLE, f"{schema}.paid")
    async with database(url) as connection:
        await connection.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.paid (step_id text, what text)")
        yield f"{schema}.paid"
        await connection.execute(f"SET client_min_messages = error; DROP SCHEMA {schema} CASCADE")


@contextmanager
def process(url: str) -> Generator["subprocess.Popen[str]"]:
    """A worker of its own whose steps take their time, ready; killed at the end."""
    words = [sys.executable, "-c", "from tests.worlds.postgres.payments import run; run()", url]
    environment = {**os.environ, STUCK: "1"}
    with subprocess.Popen(words, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert read(child) == "ready"
            yield child
        finally:
            child.kill()


async def paid(url: str, table: str) -> list[str]:
    async with database(url) as connection:
        return [row[0] for row in await connection.fetch(f"SELECT what FROM {table} ORDER BY what")]


async def test_a_function_that_is_not_async_is_refused(url: str) -> None:
    async with using(url), worker():
        with pytest.raises(RunFailed) as caught:
            await (await start(pays_not_async)).result()
        assert isinstance(caught.value.__cause__, TransactionInvalid)
        assert "its function isn't async, as this world's connection is; write `async def`" in str(
            caught.value.__cause__
        )


async def test_lost_commits_are_looked_up_and_nothing_is_paid_twice(url: str, table: str) -> None:
    async with cutting(url) as (behind, cutter):
        cutter.cuts = ["", "reply", "query", "", "reply", "reply", "", "query", "reply"] * 3
        async with using(behind), worker():
            runs = [await start(pays, f"{n}") for n in range(20)]
            async with asyncio.timeout(50):
                for run in runs:
                    await run.result()
            assert cutter.cut >= 15
            steps = {info.step_id for run in runs for info in (await run.steps()).items if info.status == "completed"}
    async with database(url) as connection:
        rows = [row[0] for row in await connection.fetch(f"SELECT step_id FROM {table}")]
    assert (len(rows), set(rows)) == (60, steps)


async def test_a_deadlock_is_a_failure_that_is_retried(url: str, table: str) -> None:
    async with using(url), worker():
        assert sorted(await (await start(pays_crossed)).result()) == [1, 2]
    assert await paid(url, table) == ["1-2", "2-1"]


async def test_a_frozen_workers_transaction_writes_nothing(url: str, table: str) -> None:
    await asyncio.to_thread(upgrade_at, url)
    async with using(url):
        with process(url) as child:
            run = await start(pays_stuck, "a")
            assert await asyncio.to_thread(read, child) == "stuck"
            child.send_signal(signal.SIGSTOP)
            async with database(url) as connection:
                await connection.execute("UPDATE workers SET process = 'elsewhere', lease_until_ms = 1")
            async with worker():
                assert await run.result() == "a by somebody"
                child.send_signal(signal.SIGCONT)
                again = await start(pays_stuck, "b")
                assert (await again.result()).startswith("b by")
            assert await get_run(run.run_id).result() == "a by somebody"
    assert await paid(url, table) == ["a", "b"]


async def test_a_step_that_locks_its_own_run_gets_through(
    url: str, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log of its creation waits for the transaction, and that for the log: one of them gives way."""
    monkeypatch.setattr(enclosing, "LANDING_S", 0.3)
    schema = url.partition("schema=")[2].partition("&")[0]
    async with using(url), worker():
        async with asyncio.timeout(20):
            assert await (await start(pays_and_locks, schema)).result() == 2
    assert await paid(url, table) == ["locked"]


async def test_who_is_not_awaited_any_more_is_rolled_back(url: str, table: str) -> None:
    async with using(url), worker():
        async with asyncio.timeout(20):
            assert await (await start(loses_patience)).result() == "enough"
        async with database(url) as connection:
            idle = "SELECT count(*) FROM pg_locks WHERE relation = $1::regclass AND mode = 'RowExclusiveLock'"
            while await connection.fetchval(idle, table):
                await asyncio.sleep(0.01)
    assert await paid(url, table) == []
