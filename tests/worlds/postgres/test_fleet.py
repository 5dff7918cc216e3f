"""The user's verbs over PostgreSQL: in one loop, in two, and in two processes of which one is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from perdure import HookNotFound, Run, StartOptions, close, configure, get_run, list_runs, resume_hook, start, worker
from perdure.api.connect import schema_at, shown_url, upgrade_at
from perdure.errors import SchemaMissing, WorldInvalid
from perdure.model.ids import RunId, token_hash
from perdure.world import RunFilter
from perdure.worlds.postgres.location import location_of
from tests.cli.shop import say
from tests.worlds.postgres.database import database
from tests.worlds.postgres.fleet import STUCK, counts, of_everything, sends
from tests.worlds.postgres.opened import opened
from tests.worlds.postgres.server import mortal, url_of

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60


@asynccontextmanager
async def using(url: str) -> AsyncIterator[None]:
    configure(world=url, work=False)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield
    finally:
        await close()


@pytest.fixture
def loud(url: str) -> str:
    """With hints between processes, as it is by default."""
    return url.replace("&listen=0", "")


async def test_apps_in_two_schemas_dont_see_each_other(loud: str) -> None:
    """Neither runs nor keys, neither hooks nor workers nor hints."""
    theirs = loud.replace("schema=t_", "schema=u_")
    keyed = StartOptions(idempotency_key="order-1")
    upgrade_at(loud)
    try:
        with process(loud):
            async with using(theirs):
                mine = await start(of_everything, "hal", options=keyed)
                assert await mine.status() == "pending", "no worker of the other app takes it"
                async with worker():
                    await waits(mine)
                    async with opened(loud) as other:
                        assert await other.hooks.find(token_hash("token-hal")) is None
                        assert await other.read_run(RunId(mine.run_id)) is None
                        assert len(await other.workers()) == 1, "the child's own"
                        assert (await other.list_runs(RunFilter())).runs == ()
                    await answer("hal", "mine")
                    assert await mine.result() == ["hal", "mine", "mine by somebody"]
            async with using(loud):
                again = await start(of_everything, "hal", options=keyed)
                assert again.run_id != mine.run_id
                await answer("hal", "yours")
                assert await again.result() == ["hal", "yours", "yours by somebody"]
                assert [run.run_id for run in (await list_runs()).items] == [again.run_id]
    finally:
        await drop(theirs, location_of(theirs).schema)


async def waits(run: Run[list[str]]) -> None:
    """Until its hook takes payloads."""
    while not (hooks := (await run.hooks()).items) or hooks[0].status != "waiting":
        await asyncio.sleep(0)


async def answer(name: str, word: str) -> None:
    """As soon as somebody waits."""
    while True:
        try:
            await resume_hook(f"token-{name}", word)
        except HookNotFound:
            await asyncio.sleep(0)
        else:
            return


async def said(run: Run[list[str]]) -> list[str]:
    return [word async for word in run.readable(namespace="said")]


async def test_a_run_of_everything(loud: str) -> None:
    async with using(loud), worker():
        run = await start(of_everything, "ann")
        reader = asyncio.create_task(said(run))
        await answer("ann", "yes")
        assert await run.result() == ["ann", "yes", "yes by somebody"]
        assert await reader == ["ann"]


async def test_hundreds_at_once(url: str) -> None:
    async with using(url), worker():
        runs = await asyncio.gather(*(start(of_everything, f"n{number}") for number in range(200)))
        await asyncio.gather(*(answer(f"n{number}", str(number)) for number in range(200)))
        results = await asyncio.gather(*(run.result() for run in runs))
        assert [result[1] for result in results] == [str(number) for number in range(200)]


@contextmanager
def process(url: str, *queues: str, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker of its own, of these queues or all, ready; killed at the end."""
    code = "from tests.worlds.postgres.fleet import run; run()"
    with subprocess.Popen(
        [sys.executable, "-c", code, url, *queues],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            assert read(child) == "ready"
            yield child
        finally:
            child.kill()


def read(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


async def test_a_process_starts_and_another_works(loud: str) -> None:
    upgrade_at(loud)
    with process(loud):
        async with using(loud):
            run = await start(of_everything, "bob")
            reader = asyncio.create_task(said(run))
            await answer("bob", "no")
            assert await run.result() == ["bob", "no", "no by somebody"]
            assert await reader == ["bob"]


async def test_a_killed_workers_run_is_taken_over(loud: str) -> None:
    upgrade_at(loud)
    async with using(loud):
        with process(loud, **{STUCK: "1"}) as child:
            run = await start(of_everything, "cid")
            await answer("cid", "go")
            assert await asyncio.to_thread(read, child) == "stuck"
            child.send_signal(signal.SIGKILL)
            child.wait()
        async with worker():
            assert await run.result() == ["cid", "go", "go by somebody"]
        assert await said(run) == ["cid"]
        async with database(loud) as connection:
            turns = "SELECT count(*) FROM events WHERE run_id = $1 AND type = 'step_completed'"
            assert await connection.fetchval(turns, run.run_id) == 2


async def test_a_killed_workers_run_is_taken_over_when_its_lease_ends(loud: str) -> None:
    """On another host nobody can look whether the process lives: the lease's end is made to come, not waited for."""
    upgrade_at(loud)
    async with using(loud):
        with process(loud, **{STUCK: "1"}) as child:
            run = await start(of_everything, "dan")
            await answer("dan", "go")
            assert await asyncio.to_thread(read, child) == "stuck"
            child.send_signal(signal.SIGKILL)
            child.wait()
            async with database(loud) as connection:
                await connection.execute("UPDATE workers SET process = 'elsewhere'")
                assert await connection.fetchval("SELECT count(*) FROM workers") == 1
                async with worker():
                    assert await run.status() == "running"
                    await connection.execute("UPDATE workers SET lease_until_ms = 1 WHERE process = 'elsewhere'")
                    assert await run.result() == ["dan", "go", "go by somebody"]


async def test_a_frozen_worker_can_write_nothing_when_it_comes_back(loud: str) -> None:
    upgrade_at(loud)
    async with using(loud):
        with process(loud) as child:
            run = await start(of_everything, "eve")
            await waits(run)
            child.send_signal(signal.SIGSTOP)
            async with database(loud) as connection:
                await connection.execute("UPDATE workers SET process = 'elsewhere', lease_until_ms = 1")
                async with worker():
                    await answer("eve", "on")
                    assert await run.result() == ["eve", "on", "on by somebody"]
                    child.send_signal(signal.SIGCONT)
                    again = await start(of_everything, "fay")
                    await answer("fay", "too")
                    assert await again.result() == ["fay", "too", "too by somebody"]
                    ends = "SELECT count(*) FROM events WHERE run_id = $1 AND type = 'run_completed'"
                    assert await connection.fetchval(ends, run.run_id) == 1
                    assert (await get_run(run.run_id).result()) == ["eve", "on", "on by somebody"]


async def test_a_step_runs_on_another_worker_and_is_taken_over_there(loud: str) -> None:
    upgrade_at(loud)
    async with using(loud):
        run = await start(sends, "gus")
        with process(loud, "default"):
            with process(loud, "gpu", **{STUCK: "1"}) as child:
                assert await asyncio.to_thread(read, child) == "stuck"
                [step] = (await run.steps()).items
                assert (step.status, step.attempt, step.queue) == ("running", 1, "gpu")
                child.send_signal(signal.SIGKILL)
                child.wait()
            while (await run.info()).waiting_for[0].kind != "worker":
                await asyncio.sleep(0)
            with process(loud, "gpu"):
                assert await run.result() == "gus by somebody"
        assert await said(run) == ["gus in attempt 1", "gus in attempt 2"]
        [again] = (await run.steps()).items
        assert (again.step_id, again.status, again.attempt) == (step.step_id, "completed", 2)
        assert [listed.run_id async for listed in list_runs()] == [run.run_id]


async def test_a_server_that_crashes_under_load_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Connections cut in the middle, answers lost, a server that starts up: the worker reads back, and goes on."""
    with mortal() as (uri, restart):
        async with using(url_of(uri, "crashes", migrate=1)), worker():
            runs = await asyncio.gather(*(start(counts, 30) for _ in range(40)))
            for some in (runs[0], runs[-1]):
                while len((await some.steps()).items) < 3:
                    await asyncio.sleep(0)
                await asyncio.to_thread(restart)
            assert [await run.result() for run in runs] == [30] * 40
            for run in runs:
                steps = await run.steps()
                assert [step.attempt for step in steps.items] == [1] * 30
    assert "the world is away" in caplog.text


# -- the command line


def test_db_upgrade_and_status(server: str) -> None:
    url = f"{server.replace('postgres:@', 'postgres:secret@')}&schema=cli_{os.getpid()}"
    try:
        done = say("db", "status", "--world", url)
        assert (done.exit_code, "has no perdure schema: run `perdure db upgrade" in done.stderr) == (4, True)
        assert say("db", "upgrade", "--world", url).exit_code == 0
        done = say("db", "status", "--json", "--world", url)
        assert '"path":null' in done.stdout.replace(" ", "")
        assert '"runs":{}' in done.stdout.replace(" ", "")
        assert "secret" not in done.stdout + done.stderr
        assert schema_at(url).found == schema_at(url).known
    finally:
        asyncio.run(drop(url, f"cli_{os.getpid()}"))


async def drop(url: str, schema: str) -> None:
    async with database(url) as connection:
        await connection.execute(f"SET client_min_messages = error; DROP SCHEMA IF EXISTS {schema} CASCADE")


def test_no_password_is_shown() -> None:
    assert shown_url("postgresql://me:secret@h/d") == "postgresql://me:***@h/d"
    with pytest.raises(WorldInvalid) as caught:
        shown_url("mysql://me:secret@h/d")
    assert "secret" not in str(caught.value)


async def test_a_missing_schema_says_what_to_do(url: str) -> None:
    configure(world=url.replace("&migrate=1", ""), work=False)
    with pytest.raises(SchemaMissing, match="run `perdure db upgrade --world"):
        await start(of_everything, "x")
    await close()
