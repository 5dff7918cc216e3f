"""Runs through longer lives: put away and brought back, many steps, tasks left behind, waits within waits."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import perdure.engine.rest
from perdure import (
    Retry,
    RunCancelled,
    Workflow,
    configure,
    get_step_metadata,
    race,
    sleep,
    start,
    step,
    timeout,
    worker,
    workflow,
)
from perdure.api.connect import CONNECTION
from tests.api.following import facts, types_of, until, waiting_for

pytestmark = pytest.mark.anyio

seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@step
async def add(a: int, b: int) -> int:
    return a + b


@step
async def notes(what: str) -> str:
    seen.append(what)
    return what


@step
async def works_for_long(what: str = "") -> str:
    seen.append("began")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    return what


# -- put away


@workflow
async def rests() -> list[Any]:
    seen.append("body")  # perdure: ignore[global-state]
    results: list[Any] = []
    try:
        results.append(await add(1, 2))
        async with timeout("9d"):
            results.append(await sleep("1h", result="rested"))
        results.append(await add(3, 4))
    finally:
        results.append(await notes("cleaned up"))
    return results


async def test_a_run_that_only_waits_leaves_memory_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perdure.engine.rest, "IDLE_S", 0.0)
    monkeypatch.setattr(perdure.engine.rest, "EVERY_S", 0.001)
    run = await start(rests)
    owner = (await CONNECTION.engine()).worker
    assert owner is not None

    async def is_away() -> bool:
        return bool((await run.info()).waiting_for) and not owner.runs

    await until(is_away)
    assert seen == ["body"], "no cleanup step runs because a workflow merely slept"
    assert (await run.info()).waiting_sentence.startswith("waiting for a sleep, until ")
    await run.wake_up()
    assert await run.result() == [3, "rested", 7, "cleaned up"]
    assert seen == ["body", "body", "cleaned up"]
    assert (await types_of(run)).count("step_created") == 3


async def test_a_run_that_was_put_away_is_cancelled_with_its_cleanup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(perdure.engine.rest, "IDLE_S", 0.0)
    monkeypatch.setattr(perdure.engine.rest, "EVERY_S", 0.001)
    run = await start(rests)
    await waiting_for(run, "sleep")
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert seen[-1] == "cleaned up"


# -- many


@workflow
async def counts(n: int) -> int:
    total = 0
    for each in range(n):
        total = await add(total, each)
    return total


async def test_many_steps_in_sequence() -> None:
    assert await (await start(counts, 300)).result() == sum(range(300))


@workflow
async def fans_out(n: int) -> int:
    return sum(await asyncio.gather(*(add(each, 0) for each in range(n))))


async def test_many_steps_in_parallel() -> None:
    run = await start(fans_out, 300)
    assert await run.result() == sum(range(300))


async def test_many_runs_at_once() -> None:
    runs = await asyncio.gather(*(start(counts, 3) for _ in range(200)))
    assert await asyncio.gather(*(run.result() for run in runs)) == [3] * 200


# -- left behind


@workflow
async def leaves_a_task_behind() -> str:
    task = asyncio.create_task(_cleans_up_late())
    await _begun()
    assert not task.done()
    return "done"


async def _cleans_up_late() -> None:
    try:
        await works_for_long()
    finally:
        await notes("never")


@step
async def _begun() -> None:
    async def it_has() -> bool:
        return "began" in seen

    await until(it_has)


async def test_the_end_of_the_workflow_ends_its_other_tasks_without_their_cleanup_steps() -> None:
    run = await start(leaves_a_task_behind)
    assert await run.result() == "done"

    async def is_cancelled() -> bool:
        return "cancelled" in seen

    await until(is_cancelled)
    assert seen == ["began", "cancelled"]
    assert [each.status async for each in run.steps()] == ["completed", "cancelled"]


# -- waits within waits


@step(retry=Retry(delay="1h", jitter=0))
async def backs_off() -> str:
    seen.append(get_step_metadata().attempt)
    raise ConnectionError("down")


@workflow
async def gives_up_waiting() -> str:
    try:
        async with timeout(0.01):
            return await backs_off()
    except TimeoutError:
        return await notes("gave up")


async def test_a_timeout_ends_a_back_off() -> None:
    run = await start(gives_up_waiting)
    assert await run.result() == "gave up"
    assert seen == [1, "gave up"]


async def test_a_cancel_ends_a_back_off() -> None:
    run = await start(waits_in_back_off)
    await waiting_for(run, "retry")
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert seen == [1, "cleaned up"]


@workflow
async def waits_in_back_off() -> str:
    try:
        return await backs_off()
    finally:
        await notes("cleaned up")


@workflow
async def nests_timeouts() -> list[str]:
    found: list[str] = []
    try:
        async with timeout("1h"):
            try:
                async with timeout(0.002):
                    await sleep("2h")
            except TimeoutError:
                found.append("inner")
            await race(sleep(0.001), works_for_long())
            found.append("raced")
    except TimeoutError:
        found.append("outer")
    return found


async def test_timeouts_within_timeouts() -> None:
    run = await start(nests_timeouts)
    assert await run.result() == ["inner", "raced"]
    assert [(wait.kind, wait.status) async for wait in run.waits()] == [
        ("timeout", "cancelled"),
        ("timeout", "completed"),
        ("sleep", "cancelled"),
        ("sleep", "completed"),
    ]


async def _pages() -> AsyncIterator[int]:
    for page in range(3):
        yield await add(page, 10)


@workflow
async def reads_pages() -> list[int]:
    return [page async for page in _pages()]


async def test_async_generators_in_a_body() -> None:
    assert await (await start(reads_pages)).result() == [10, 11, 12]


@workflow
async def hands_over() -> list[str]:
    queue: asyncio.Queue[str] = asyncio.Queue(maxsize=1)
    lock, got = asyncio.Lock(), list[str]()

    async def produce() -> None:
        for what in ("one", "two", "three"):
            await queue.put(await notes(what))

    async def consume() -> None:
        for _ in range(3):
            what = await queue.get()
            async with lock:
                got.append(await notes(f"{what} taken"))

    async with asyncio.TaskGroup() as group:
        group.create_task(produce())
        group.create_task(consume())
    return got


async def test_tasks_that_talk_to_each_other_replay_alike() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(hands_over)
        assert await run.result() == ["one taken", "two taken", "three taken"]
    again = await run.rerun()
    async with worker():
        assert await again.result() == ["one taken", "two taken", "three taken"]
    assert await facts(run, "step_created") == await facts(again, "step_created")


# -- deploys in the middle


def deploy(version: int) -> Workflow[[], list[Any]]:
    @workflow(name="app:deployed")
    async def deployed() -> list[Any]:
        first = await add(1, 1)
        await sleep("1h")
        return [first, await add(version, 0)]

    return deployed


async def test_code_that_changes_behind_the_log_goes_on_with_the_new_code() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(deploy(1))
        await waiting_for(run, "sleep")
        before = (await run.info()).deployment
    deploy(2)
    async with worker():
        await run.wake_up()
        assert await run.result() == [2, 2]
    assert before
