"""A handle: result, status and what a run's log says; every bad id; no polling in process."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Any, Literal

import pytest

import perdure.api.run
from perdure import (
    DecodeError,
    DurationInvalid,
    FatalError,
    RunCancelled,
    RunFailed,
    RunNotFound,
    configure,
    get_run,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.api.connect import CONNECTION
from perdure.errors import WorldUnavailable
from perdure.model.ids import RunId
from tests.api.following import status_of, until, waiting_for

pytestmark = pytest.mark.anyio

HERE = __name__
NOBODY = "wrun_" + "0" * 26


@dataclass
class Receipt:
    id: str


@step
async def double(n: int) -> int:
    return 2 * n


@workflow
async def pays(n: int) -> Receipt:
    return Receipt(f"r-{await double(n)}")


@workflow
async def sleeps(duration: str = "1h") -> str:
    await sleep(duration)
    return "slept"


@workflow
async def fails() -> None:
    raise FatalError("no such card")


# -- result


async def test_the_result_has_the_workflows_type() -> None:
    run = await start(pays, 2)
    assert await run.result() == Receipt("r-4")
    assert await run.result() == Receipt("r-4"), "it can be asked for again"


async def test_a_handle_from_an_id_has_the_type_that_is_asked_for() -> None:
    run = await start(pays, 2)
    assert await get_run(run.run_id, Receipt).result() == Receipt("r-4")
    other = await start(sleeps, "1ms")
    assert await get_run(other.run_id, str | None).result() == "slept"
    assert await get_run(other.run_id, Literal["slept"]).result() == "slept"
    with pytest.raises(DecodeError):
        await get_run(other.run_id, int).result()


async def test_a_result_of_many_waiters() -> None:
    run = await start(sleeps, "5ms")
    assert await asyncio.gather(*(get_run(run.run_id).result() for _ in range(20))) == ["slept"] * 20


async def test_a_result_that_doesnt_come_in_time() -> None:
    run = await start(sleeps)
    with pytest.raises(TimeoutError):
        await run.result(timeout="1ms")
    assert await run.status() == "running", "waiting does nothing to the run"


async def test_a_timeout_that_is_no_duration() -> None:
    run = await start(sleeps)
    with pytest.raises(DurationInvalid):
        await run.result(timeout="soon")


async def test_the_result_of_a_failed_run() -> None:
    run = await start(fails)
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert str(caught.value) == f"run {run.run_id} failed: FatalError: no such card"
    assert str(caught.value.__cause__) == "no such card"


async def test_the_result_of_a_cancelled_run() -> None:
    run = await start(sleeps)
    await run.cancel(reason="changed my mind")
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert (caught.value.run_id, caught.value.reason) == (run.run_id, "changed my mind")
    assert str(caught.value) == f"run {run.run_id} was cancelled: changed my mind"
    other = await start(sleeps)
    await other.cancel()
    with pytest.raises(RunCancelled) as caught:
        await other.result()
    assert str(caught.value) == f"run {other.run_id} was cancelled"


async def test_waiting_for_a_result_can_be_cancelled() -> None:
    run = await start(sleeps)
    waiting = asyncio.create_task(run.result())
    await waiting_for(run, "sleep")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await run.wake_up()
    assert await run.result() == "slept"


async def test_a_run_that_no_worker_serves_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(perdure.api.run, "WARN_AFTER_S", 0.001)
    configure(world="memory://", work=False)
    run = await start(sleeps, "1ms")
    waiting = asyncio.create_task(run.result())

    async def warned() -> bool:
        return bool(caplog.records)

    with caplog.at_level(logging.WARNING, "perdure"):
        await until(warned)
    assert [record.getMessage() for record in caplog.records] == [
        f"run {run.run_id} waits: no live worker serves {HERE}:sleeps; start one with `perdure worker`"
    ]
    async with worker():
        assert await waiting == "slept"


# -- status


async def test_the_status_through_a_life() -> None:
    configure(world="memory://", work=False)
    run = await start(sleeps)
    assert await run.status() == "pending"
    async with worker():
        await waiting_for(run, "sleep")
        assert await run.status() == "running"
        await run.wake_up()
        assert await status_of(run, end="completed") == "completed"


# -- ids


@pytest.mark.parametrize("run_id", ["", "order-1", "wrun_", "wrun_" + "z" * 26, "step_" + "0" * 26])
def test_what_is_no_runs_id(run_id: str) -> None:
    with pytest.raises(RunNotFound) as caught:
        get_run(run_id)
    assert str(caught.value) == f"{run_id!r} is not a run's id: one looks like wrun_ and 26 letters and digits"


@pytest.mark.parametrize("verb", ["status", "result", "info", "cancel", "wake_up", "retry", "rerun"])
async def test_a_run_that_isnt_there(verb: str) -> None:
    with pytest.raises(RunNotFound) as caught:
        await getattr(get_run(NOBODY), verb)()
    assert caught.value.run_id == NOBODY
    assert str(caught.value) == f"there is no run {NOBODY} in this world: check the id and the world's URL"


@pytest.mark.parametrize("verb", ["events", "steps", "waits"])
async def test_the_lists_of_a_run_that_isnt_there(verb: str) -> None:
    with pytest.raises(RunNotFound):
        await getattr(get_run(NOBODY), verb)()


async def test_a_handle_says_which_run() -> None:
    assert repr(get_run(NOBODY)) == f"<run {NOBODY}>"


# -- wake_up


@workflow
async def sleeps_thrice() -> list[Any]:
    async with asyncio.timeout(3600):
        return [await asyncio.gather(sleep("1h", result=1), sleep("2h", result=2)), await sleep("1h", result=3)]


async def test_wake_up_ends_the_pending_sleeps_but_no_timeout() -> None:
    run = await start(sleeps_thrice)
    await waiting_for(run, "sleep")
    assert await run.wake_up() == 2

    async def sleeps_again() -> bool:
        return [wait.status async for wait in run.waits()].count("woken") == 2 and bool((await run.info()).waiting_for)

    await until(sleeps_again)
    assert await run.wake_up() == 1
    assert await run.result() == [[1, 2], 3]
    assert [(wait.kind, wait.status) async for wait in run.waits()] == [
        ("timeout", "cancelled"),
        ("sleep", "woken"),
        ("sleep", "woken"),
        ("sleep", "woken"),
    ]
    assert await run.wake_up() == 0


async def test_wake_up_of_a_run_that_doesnt_sleep() -> None:
    run = await start(pays, 1)
    await run.result()
    assert await run.wake_up() == 0


# -- lists


async def test_events_in_order_and_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await start(pays, 2)
    await run.result()
    types = ["run_created", "run_started", "step_created", "step_completed", "run_completed"]
    events = [event async for event in run.events()]
    assert [event.type for event in events] == types
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert [event.turn for event in events] == [0, 0, 0, 1, 1]
    assert events[2].key == f"0/step:{HERE}:double#0"
    monkeypatch.setattr(perdure.api.run, "PAGE", 2)
    assert [event.type async for event in run.events()] == types
    page = await run.events()
    assert [event.type for event in page.items] == types[:2]
    following = await run.events(cursor=page.cursor)
    assert [event.type for event in following.items] == types[2:4]
    last = await run.events(cursor=following.cursor)
    assert ([event.type for event in last.items], last.cursor) == (types[4:], None)


async def test_steps_with_input_and_output() -> None:
    run = await start(pays, 2)
    await run.result()
    [info] = (await run.steps()).items
    assert info.step_id.startswith("step_")
    assert (info.run_id, info.name, info.status, info.attempt) == (run.run_id, f"{HERE}:double", "completed", 1)
    assert (info.input, info.output, info.error, info.retry_at) == ({"n": 2}, 4, None, None)
    assert info.completed_at is not None
    assert info.created_at <= info.started_at <= info.completed_at


# -- rerun


async def test_a_rerun_is_a_new_run_with_the_same_input() -> None:
    run = await start(pays, 2)
    await run.result()
    again = await run.rerun()
    assert again.run_id != run.run_id
    assert await again.result() == Receipt("r-4")
    created = next(event.data for event in (await again.events()).items if event.type == "run_created")
    assert (created["input"], created["rerunOf"]) == ({"n": 2}, run.run_id)


async def test_a_rerun_of_a_failed_and_of_a_cancelled_run() -> None:
    run = await start(fails)
    with pytest.raises(RunFailed):
        await run.result()
    with pytest.raises(RunFailed):
        await (await run.rerun()).result()
    asleep = await start(sleeps, "1ms")
    await asleep.cancel(grace=0)
    assert await (await asleep.rerun()).result() == "slept"


over = asyncio.Event()


@step
async def lasts() -> None:
    await over.wait()


@workflow
async def at_work() -> None:
    await lasts()


async def test_a_run_that_lives_here_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over.clear()
    run = await start(at_work)
    await waiting_for(run, "step")

    async def looks(*_: object) -> None:
        raise AssertionError("the worker knows it")

    monkeypatch.setattr(perdure.api.run, "_record", looks)
    await perdure.api.run._warn_if_unserved(await CONNECTION.engine(), RunId(run.run_id))
    over.set()
    await run.result()


async def test_a_warning_that_cant_be_had_troubles_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """The World may be away just then; whoever waits for the result is told by that."""

    async def away(*_: object) -> None:
        raise WorldUnavailable("it restarts")

    monkeypatch.setattr(perdure.api.run, "_record", away)
    await perdure.api.run._warn_if_unserved(await CONNECTION.engine(), RunId("wrun_1"))
