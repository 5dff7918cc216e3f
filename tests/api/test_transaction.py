"""Transactional steps as users write them, over a SQLite file: rows if and only if there is a completion."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import apsw
import pytest

import perdure
from perdure import (
    NotInStep,
    Retry,
    Run,
    RunFailed,
    StepTimeout,
    TransactionInvalid,
    close,
    configure,
    get_connection,
    get_step_metadata,
    get_writable,
    heartbeat,
    set_attributes,
    sleep,
    start,
    step,
    workflow,
)
from perdure.worlds.sqlite import guest
from tests.api.following import types_of

pytestmark = pytest.mark.anyio

SOON = Retry(max_retries=2, delay="1ms", jitter=0.0)
LET_GO = threading.Event()


@pytest.fixture
async def file(fresh_world: None, tmp_path: Path) -> AsyncGenerator[Path]:
    await close()
    configure(world=f"sqlite:///{tmp_path}/runs.db")
    await perdure.list_runs()
    beside(tmp_path).execute("CREATE TABLE paid (what, n)")
    yield tmp_path
    await close()


def beside(folder: Path) -> apsw.Connection:
    return apsw.Connection(f"{folder}/runs.db")


def paid(folder: Path) -> list[Any]:
    return [what for [what] in beside(folder).execute("SELECT what FROM paid ORDER BY what")]


def write(what: object) -> None:
    get_connection().execute("INSERT INTO paid VALUES (?, 1)", (what,))


@step(transaction=True, retry=SOON)
async def pay(what: Any) -> int:
    write(what)
    return get_connection().changes()


@step(transaction=True, retry=SOON)
def pay_in_thread(what: Any) -> str:
    write(what)
    return threading.current_thread().name.rpartition("_")[0]


@step(transaction=True, retry=SOON)
async def misbehave(how: str) -> str:
    write(how)
    await MISDEEDS[how]()
    return how


@step(transaction=True, retry=SOON)
async def told(times: int) -> int:
    attempt = get_step_metadata().attempt
    write(attempt)
    await heartbeat(attempt)
    await set_attributes(attempt=str(attempt))
    async with get_writable(int) as out:
        await out.write(attempt)
    if attempt <= times:
        raise ValueError("again")
    return get_step_metadata().progress


@step(transaction=True, timeout="50ms", max_retries=0)
def stuck_in_thread() -> None:
    write("stuck")
    LET_GO.wait(10)
    try:
        write("later")
    except apsw.ConnectionClosedError:
        LATE.append("closed")


@step(transaction=True, max_retries=0)
async def stuck() -> None:
    write("stuck")
    await asyncio.Event().wait()


@step
async def plain() -> str:
    return "plain"


@step
async def without() -> None:
    get_connection()


LATE: list[str] = []


async def end(word: str) -> None:
    try:
        get_connection().execute(word)
    except TransactionInvalid:
        if word != "COMMIT":
            raise


async def ask() -> None:
    await perdure.get_run(get_step_metadata().run_id).status()


async def start_another() -> None:
    await start(pays, ["x"])


async def resume() -> None:
    await perdure.resume_hook("token", 1)


MISDEEDS = {
    "commits": lambda: end("COMMIT"),
    "rolls back": lambda: end("ROLLBACK"),
    "asks": ask,
    "starts": start_another,
    "resumes": resume,
}


@workflow
async def pays(whats: list[Any]) -> list[int]:
    return [await pay(what) for what in whats]


@workflow
async def pays_at_once(whats: list[Any]) -> list[Any]:
    return await asyncio.gather(*(pay(what) for what in whats), plain())


@workflow
async def pays_in_thread(what: str) -> str:
    return await pay_in_thread(what)


@workflow
async def misbehaves(how: str) -> str:
    return await misbehave(how)


@workflow
async def tells(times: int) -> int:
    return await told(times)


@workflow
async def sticks(where: str) -> None:
    await (stuck() if where == "loop" else stuck_in_thread())


@workflow
async def has_none() -> None:
    await without()


@workflow
async def asks_itself() -> None:
    get_connection()


async def failure(run: Run[Any]) -> BaseException:
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.__cause__ is not None
    return caught.value.__cause__


async def test_a_step_is_one_append_with_its_rows(file: Path) -> None:
    run = await start(pays, ["a", "b"])
    assert await run.result() == [1, 1]
    assert paid(file) == ["a", "b"]
    assert (await types_of(run))[2:] == ["step_created", "step_completed"] * 2 + ["run_completed"]


async def test_a_function_that_is_not_async_has_the_connection_in_its_thread(file: Path) -> None:
    assert await (await start(pays_in_thread, "a")).result() == "perdure-step"
    assert paid(file) == ["a"]


async def test_of_a_failed_attempt_nothing_stays_but_what_is_told_of_it(file: Path) -> None:
    run = await start(tells, 2)
    assert await run.result() == 2, "what the attempt before it told"
    assert paid(file) == [3]
    assert [value async for value in run.readable(int)] == [3]
    assert (await run.info()).attributes == {"attempt": "3"}
    [told_step] = (await run.steps()).items
    assert told_step.attempt == 3


@pytest.mark.parametrize("how", ["commits", "rolls back"])
async def test_who_ends_it_has_failed_for_good(file: Path, how: str) -> None:
    """Though it took no notice: another attempt might write the same again."""
    run = await start(misbehaves, how)
    error = await failure(run)
    assert isinstance(error, TransactionInvalid)
    assert "it has ended the transaction itself" in str(error)
    assert (await run.steps()).items[0].attempt == 1
    assert paid(file) == []


@pytest.mark.parametrize("how", ["asks", "starts", "resumes"])
async def test_verbs_that_ask_the_world_say_what_to_do(file: Path, how: str) -> None:
    error = await failure(await start(misbehaves, how))
    name = "tests.api.test_transaction:misbehave"
    assert str(error) == (
        f"step {name} and its transaction don't go together: it called a verb that asks the world, and that is no part "
        "of the transaction; call it in another step, or say it in SQL through get_connection()"
    )
    assert paid(file) == []


async def test_get_connection_elsewhere_says_what_to_do(file: Path) -> None:
    with pytest.raises(NotInStep, match="get_connection was called outside of a step"):
        get_connection()
    assert isinstance(await failure(await start(asks_itself)), NotInStep)
    assert str(await failure(await start(has_none))) == (
        "step tests.api.test_transaction:without and its transaction don't go together: it has none; "
        "write @step(transaction=True)"
    )


async def test_memory_has_no_tables() -> None:
    error = await failure(await start(pays, ["a"]))
    assert isinstance(error, TransactionInvalid)
    assert "memory:// has no tables; use a SQLite or a PostgreSQL world" in str(error)


async def test_hundreds_at_once_side_by_side(file: Path) -> None:
    """In one run and over many: nobody waits for somebody who waits for him."""
    runs = [await start(pays_at_once, [f"{n}-{m}" for m in range(3)]) for n in range(60)]
    async with asyncio.timeout(40):
        assert [await run.result() for run in runs] == [[1, 1, 1, "plain"]] * 60
    assert paid(file) == sorted(f"{n}-{m}" for n in range(60) for m in range(3))


async def test_others_go_on_when_one_is_stuck(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest.SqliteTransactions, "limit_ms", 200)
    run, other = await start(sticks, "loop"), await start(pays, ["a"])
    error = await failure(run)
    assert isinstance(error, StepTimeout)
    assert str(error) == "step tests.api.test_transaction:stuck took longer than 0.2 s"
    assert await other.result() == [1]
    assert paid(file) == ["a"]


async def test_a_thread_that_is_stuck_loses_its_connection(file: Path) -> None:
    run, other = await start(sticks, "thread"), await start(pays, ["a"])
    assert isinstance(await failure(run), StepTimeout)
    assert await other.result() == [1]
    LET_GO.set()
    while not LATE:
        await asyncio.sleep(0.001)
    assert paid(file) == ["a"]


async def test_a_close_undoes_what_is_open_and_the_next_worker_goes_on(file: Path) -> None:
    run = await start(slow_pays, "a")
    while not SLOW:
        await asyncio.sleep(0.001)
    await close()
    assert paid(file) == []
    configure(world=f"sqlite:///{file}/runs.db")
    SLOW.append("no more")
    async with perdure.worker():
        assert await perdure.get_run(run.run_id).result() == "a"
    assert paid(file) == ["a"]


SLOW: list[str] = []


@step(transaction=True)
async def pay_slowly(what: str) -> str:
    write(what)
    SLOW.append(what)
    if len(SLOW) == 1:
        await asyncio.sleep(4)
    return what


@workflow
async def slow_pays(what: str) -> str:
    return await pay_slowly(what)


async def test_another_process_waits_its_turn(file: Path) -> None:
    """Its lock is waited for in a thread: the loop, and so heartbeats of other steps, go on."""
    other = beside(file)
    other.execute("BEGIN IMMEDIATE")
    run = asyncio.ensure_future(start(pays, ["a"]))
    began_at, longest = time.monotonic(), 0.0
    while time.monotonic() - began_at < 0.3:
        before = time.monotonic()
        await asyncio.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    assert longest < 0.25
    other.execute("COMMIT")
    assert await (await run).result() == [1]


@workflow
async def naps(what: str) -> str:
    await pay(what)
    await sleep("10ms")
    await pay(what)
    return what


async def test_a_wait_comes_between(file: Path) -> None:
    assert await (await start(naps, "a")).result() == "a"
    assert paid(file) == ["a", "a"]


async def test_where_there_are_keys_its_completion_is_sealed(file: Path) -> None:
    await close()
    configure(world=f"sqlite:///{file}/runs.db", keys={"k": b"k" * 32})
    run = await start(pays_in_thread, "canary")
    assert await run.result() == "perdure-step"
    kept = beside(file).execute("SELECT payload FROM events WHERE run_id = ?", (run.run_id,)).fetchall()
    assert len(kept) == 5
    assert not any(b"canary" in bytes(payload) or b"perdure-step" in bytes(payload) for [payload] in kept)
    assert paid(file) == ["canary"], "what it writes itself is its own"
