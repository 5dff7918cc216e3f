"""Cancellation: cooperative, with cleanup and compensation; forced after a grace, or at once; of runs in every state."""

import asyncio
import threading
from typing import Any

import pytest

from perdure import (
    DurationInvalid,
    RunCancelled,
    StartOptions,
    configure,
    heartbeat,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import facts, status_of, types_of, until, waiting_for

pytestmark = pytest.mark.anyio

seen: list[Any] = []
threads_may_end = threading.Event()


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()
    threads_may_end.clear()


async def seen_some() -> bool:
    return bool(seen)


@step
async def notes(what: str) -> str:
    seen.append(what)
    return what


@step(max_retries=0)
async def works_for_long() -> str:
    seen.append("began")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("step cancelled")
        raise
    return "worked"


# -- cooperative


@workflow
async def compensates() -> str:
    await notes("charged")
    try:
        await works_for_long()
    except asyncio.CancelledError:
        await notes("refunded")
        await sleep("1ms")
        raise
    finally:
        await notes("cleaned up")
    return "done"


async def test_cancellation_reaches_the_step_and_compensation_runs() -> None:
    run = await start(compensates)
    await waiting_for(run, "step")
    await until(lambda: _has_seen("began"))
    assert await run.cancel(reason="changed my mind") is True
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "changed my mind"
    assert seen == ["charged", "began", "step cancelled", "refunded", "cleaned up"]
    info = await run.info()
    assert (info.status, info.reason, info.forced) == ("cancelled", "changed my mind", False)
    assert [each.status async for each in run.steps()] == ["completed", "cancelled", "completed", "completed"]


async def _has_seen(what: Any) -> bool:
    return what in seen


@workflow
async def doesnt_mind() -> str:
    try:
        await sleep("1h")
    except asyncio.CancelledError:
        return await notes("went on")
    return "slept"


async def test_a_body_that_catches_its_cancel_and_returns_has_completed() -> None:
    run = await start(doesnt_mind)
    await waiting_for(run, "sleep")
    assert await run.cancel() is True
    assert await run.result() == "went on"
    assert await run.status() == "completed"


@workflow
async def fails_in_its_cleanup() -> None:
    try:
        await sleep("1h")
    finally:
        raise ValueError("broken cleanup")


async def test_a_body_that_fails_in_its_cleanup_has_failed() -> None:
    run = await start(fails_in_its_cleanup)
    await waiting_for(run, "sleep")
    await run.cancel()
    assert await status_of(run, end="failed") == "failed"


@workflow
async def works_in_parallel() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(works_for_long())
        group.create_task(_sleeps_then("branch cleaned up"))


async def _sleeps_then(what: str) -> None:
    try:
        await sleep("1h")
    finally:
        await notes(what)


async def test_all_branches_are_cancelled() -> None:
    run = await start(works_in_parallel)
    await until(lambda: _has_seen("began"))
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert sorted(seen) == ["began", "branch cleaned up", "step cancelled"]


@step(max_retries=0)
def blocks() -> str:
    seen.append("began")
    threads_may_end.wait(20)
    seen.append("ended")
    return "late"


@workflow
async def waits_for_a_thread() -> str:
    return await blocks()


async def test_a_sync_step_cant_be_interrupted_its_late_result_is_dropped() -> None:
    run = await start(waits_for_a_thread)
    await until(seen_some)
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    assert seen == ["began"]
    threads_may_end.set()
    await until(lambda: _has_seen("ended"))
    assert "step_completed" not in await types_of(run)


@workflow
async def cancels_a_step_by_itself() -> str:
    task = asyncio.create_task(works_for_long())
    await until_begun()
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return "cancelled"
    return "done"


@step
async def until_begun() -> None:
    await until(seen_some)


async def test_cancelling_an_awaited_step_raises_in_it() -> None:
    run = await start(cancels_a_step_by_itself)
    assert await run.result() == "cancelled"
    await until(lambda: _has_seen("step cancelled"))
    assert await run.status() == "completed"


@step(max_retries=0, heartbeat_timeout="20s")
async def swallows_its_cancel() -> str:
    seen.append("began")
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        await heartbeat("too late")
        seen.append("swallowed")
    return "late"


@workflow
async def calls_one_that_swallows() -> str:
    return await swallows_its_cancel()


async def test_a_step_that_swallows_its_cancel_changes_nothing() -> None:
    run = await start(calls_one_that_swallows)
    await until(seen_some)
    await run.cancel()
    with pytest.raises(RunCancelled):
        await run.result()
    await until(lambda: _has_seen("swallowed"))
    assert "step_completed" not in await types_of(run)
    assert "step_heartbeat" not in await types_of(run)


# -- twice, late, early


@workflow
async def is_slow_to_end() -> None:
    try:
        await sleep("1h")
    finally:
        await notes("cleaning")
        await sleep("1h")


async def test_a_second_cancel_changes_nothing() -> None:
    run = await start(is_slow_to_end)
    await waiting_for(run, "sleep")
    assert await run.cancel(reason="first")
    await until(seen_some)
    assert await run.cancel(reason="second") is True
    await waiting_for(run, "sleep")
    await run.wake_up()
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "first"
    assert seen == ["cleaning"]


async def test_a_second_cancel_may_shorten_the_grace() -> None:
    run = await start(is_slow_to_end)
    await waiting_for(run, "sleep")
    await run.cancel(reason="first", grace="1h")
    await until(seen_some)
    await run.cancel(grace="1ms")
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "first"
    assert (await run.info()).forced


async def test_a_cancel_of_a_finished_run_is_not_accepted() -> None:
    run = await start(notes_only)
    await run.result()
    assert await run.cancel() is False
    assert await run.cancel(grace=0) is False
    assert await run.status() == "completed"


@workflow
async def notes_only() -> str:
    return await notes("ran")


async def test_a_cancel_before_the_first_activation_ends_the_run_without_its_body() -> None:
    configure(world="memory://", work=False)
    run = await start(notes_only)
    assert await run.cancel(reason="too early") is True
    assert await run.status() == "pending"
    async with worker():
        with pytest.raises(RunCancelled) as caught:
            await run.result()
    assert caught.value.reason == "too early"
    assert seen == []
    assert await types_of(run) == ["run_created", "cancel_requested", "run_cancelled"]


async def test_a_cancel_of_a_delayed_start() -> None:
    run = await start(notes_only, options=StartOptions(delay="1h"))
    assert await run.cancel() is True
    with pytest.raises(RunCancelled):
        await run.result()
    assert seen == []


async def test_a_cancel_of_a_run_that_no_worker_owns() -> None:
    configure(world="memory://", work=False)
    async with worker(grace=0):
        run = await start(compensates)
        await until(lambda: _has_seen("began"))
    seen.clear()
    assert await run.cancel() is True
    async with worker():
        with pytest.raises(RunCancelled):
            await run.result()
    assert seen[-2:] == ["refunded", "cleaned up"]


# -- forced


async def test_a_grace_that_runs_out_ends_the_run_without_its_body() -> None:
    run = await start(is_slow_to_end)
    await waiting_for(run, "sleep")
    assert await run.cancel(reason="enough", grace="2ms")
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "enough"
    info = await run.info()
    assert (info.forced, info.status) == (True, "cancelled")
    assert seen in ([], ["cleaning"]), "at most it had begun to end by itself"
    [asked] = await facts(run, "cancel_requested")
    assert asked["forceAtMs"] > 0


async def test_a_grace_that_is_enough() -> None:
    run = await start(compensates)
    await until(lambda: _has_seen("began"))
    await run.cancel(grace="1h")
    with pytest.raises(RunCancelled):
        await run.result()
    assert (await run.info()).forced is False
    assert seen[-1] == "cleaned up"


async def test_no_grace_ends_the_run_at_once_without_its_body() -> None:
    run = await start(compensates)
    await until(lambda: _has_seen("began"))
    assert await run.cancel(reason="now", grace=0) is True
    assert await run.status() == "cancelled"
    with pytest.raises(RunCancelled) as caught:
        await run.result()
    assert caught.value.reason == "now"
    assert (await run.info()).forced
    await until(lambda: _has_seen("step cancelled"))
    assert seen == ["charged", "began", "step cancelled"], "no compensation"


async def test_no_grace_for_a_run_that_no_worker_serves() -> None:
    configure(world="memory://", work=False)
    run = await start(notes_only)
    assert await run.cancel(grace=0) is True
    assert await run.status() == "cancelled"
    with pytest.raises(RunCancelled):
        await run.result()


async def test_who_waits_for_the_result_is_told_of_a_forced_end() -> None:
    run = await start(is_slow_to_end)
    waiting = asyncio.create_task(run.result())
    await waiting_for(run, "sleep")
    await run.cancel(grace=0)
    with pytest.raises(RunCancelled):
        await waiting


async def test_a_grace_that_is_no_duration() -> None:
    run = await start(is_slow_to_end)
    with pytest.raises(DurationInvalid):
        await run.cancel(grace="soon")
    with pytest.raises(DurationInvalid):
        await run.cancel(grace=-1)
    await waiting_for(run, "sleep")
    assert "cancel_requested" not in await types_of(run)


async def test_a_grace_counts_while_no_worker_owns_the_run() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(is_slow_to_end)
        await waiting_for(run, "sleep")
        await run.cancel(grace="1h")
        await until(seen_some)
    await run.cancel(grace="1ms")
    async with worker():
        with pytest.raises(RunCancelled):
            await run.result()
    assert (await run.info()).forced
