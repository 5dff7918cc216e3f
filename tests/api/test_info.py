"""`info`: what a run says of itself in each status, and its waiting sentence."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import (
    FatalError,
    Retry,
    RunCancelled,
    RunFailed,
    StartOptions,
    configure,
    sleep,
    start,
    step,
    timeout,
    worker,
    workflow,
)
from perdure.api.connect import CONNECTION
from perdure.api.info import run_info
from perdure.engine.registry import REGISTRY
from perdure.model.ids import RunId
from tests.api.following import until, waiting_for

pytestmark = pytest.mark.anyio

HERE = __name__
UTC_TEXT = "%Y-%m-%d %H:%M:%S UTC"
may_end: list[bool] = []


@pytest.fixture(autouse=True)
def nothing_may_end() -> None:
    may_end.clear()


async def it_may() -> bool:
    return bool(may_end)


@step
async def waits_for_the_test() -> str:
    await until(it_may)
    return "done"


@workflow
async def pays(amount: int) -> int:
    if amount < 0:
        raise FatalError("no negative amounts")
    return amount


@workflow
async def sleeps(duration: str = "1h") -> str:
    await sleep(duration)
    return "slept"


async def test_a_completed_run() -> None:
    run = await start(pays, 7, options=StartOptions(attributes={"region": "eu"}))
    await run.result()
    info = await run.info()
    assert (info.run_id, info.workflow, info.status, info.result) == (run.run_id, f"{HERE}:pays", "completed", 7)
    assert (info.attributes, info.parent_id, info.root_id) == ({"region": "eu"}, None, run.run_id)
    assert (info.error, info.reason, info.forced, info.divergence, info.recoveries) == (None, None, False, None, 0)
    assert info.started_at is not None
    assert info.completed_at is not None
    assert info.created_at <= info.started_at <= info.completed_at
    assert info.duration_ms == (info.completed_at - info.created_at) // timedelta(milliseconds=1)
    assert (info.waiting_for, info.waiting_sentence) == ((), "")
    assert info.deployment


async def test_a_failed_run() -> None:
    run = await start(pays, -1)
    with pytest.raises(RunFailed):
        await run.result()
    info = await run.info()
    assert (info.status, info.result, info.waiting_sentence) == ("failed", None, "")
    assert info.error is not None
    assert (info.error.type, info.error.message) == ("FatalError", "no negative amounts")


async def test_a_cancelled_run() -> None:
    run = await start(sleeps)
    await run.cancel(reason="changed my mind")
    with pytest.raises(RunCancelled):
        await run.result()
    info = await run.info()
    assert (info.status, info.reason, info.forced, info.error) == ("cancelled", "changed my mind", False, None)


async def test_a_run_that_sleeps() -> None:
    run = await start(sleeps)
    info = await waiting_for(run, "sleep")
    [reason] = info.waiting_for
    assert (reason.kind, reason.key, reason.detail) == ("sleep", "0/sleep#0", "a sleep")
    assert reason.until is not None
    assert timedelta(minutes=59) < reason.until - reason.since <= timedelta(hours=1)
    assert info.waiting_sentence == f"waiting for a sleep, until {reason.until:{UTC_TEXT}}"


@workflow
async def waits_for_a_step() -> str:
    return await waits_for_the_test()


async def test_a_run_that_waits_for_a_step() -> None:
    run = await start(waits_for_a_step)
    info = await waiting_for(run, "step")
    assert info.waiting_sentence == f"waiting for {HERE}:waits_for_the_test, attempt 1"
    may_end.append(True)
    await run.result()


async def test_a_wait_without_an_end_says_its_age() -> None:
    """Once it is worth a word; where the end is known that is said instead."""
    run = await start(waits_for_a_step)
    since = (await waiting_for(run, "step")).waiting_for[0].since
    log, events = await (await CONNECTION.engine()).log(RunId(run.run_id))
    since_ms = round(since.timestamp() * 1000)
    assert [run_info(log.run, events, Any, since_ms + later, True).waiting_sentence for later in (59_999, 60_000)] == [
        f"waiting for {HERE}:waits_for_the_test, attempt 1",
        f"waiting for {HERE}:waits_for_the_test, attempt 1, for 1 min",
    ]
    may_end.append(True)
    await run.result()


@workflow
async def waits_within_a_limit() -> str:
    async with timeout("2h"):
        return await waits_for_the_test()


async def test_a_timeout_bounds_what_is_waited_for() -> None:
    run = await start(waits_within_a_limit)
    info = await waiting_for(run, "step")
    [reason] = info.waiting_for
    assert reason.until is not None
    assert info.waiting_sentence == (
        f"waiting for {HERE}:waits_for_the_test, attempt 1, until {reason.until:{UTC_TEXT}}"
    )
    may_end.append(True)
    await run.result()


@workflow
async def waits_for_much() -> Any:
    return await asyncio.gather(sleep("2h"), sleep("1h"), waits_for_the_test())


async def test_what_is_due_first_is_named_first() -> None:
    run = await start(waits_for_much)
    info = await waiting_for(run, "sleep")
    assert [reason.kind for reason in info.waiting_for] == ["sleep", "sleep", "step"]
    first = info.waiting_for[0].until
    assert first is not None
    assert info.waiting_sentence == f"waiting for a sleep, until {first:{UTC_TEXT}} (and 2 more)"
    may_end.append(True)


async def test_a_run_whose_start_was_delayed() -> None:
    run = await start(sleeps, options=StartOptions(delay="1h"))
    info = await run.info()
    assert (info.status, info.started_at, info.waiting_for) == ("pending", None, ())
    due = info.created_at + timedelta(hours=1)
    assert info.waiting_sentence in (
        f"waiting for its start at {due:{UTC_TEXT}}",
        f"waiting for its start at {due - timedelta(seconds=1):{UTC_TEXT}}",
    )


async def test_a_run_that_no_worker_serves() -> None:
    configure(world="memory://", work=False)
    run = await start(sleeps)
    info = await run.info()
    assert info.waiting_sentence == f"waiting for a worker that serves {HERE}:sleeps"
    [reason] = info.waiting_for
    assert (reason.kind, reason.since, reason.until) == ("worker", info.created_at, None)


async def test_a_sleeping_run_that_no_worker_serves_any_more() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(sleeps)
        await waiting_for(run, "sleep")
    info = await run.info()
    assert [reason.kind for reason in info.waiting_for] == ["worker", "sleep"]
    assert info.waiting_sentence == f"waiting for a worker that serves {HERE}:sleeps (and 1 more)"


@step(retry=Retry(delay="1h"))
async def is_down() -> None:
    raise ConnectionError("connection refused")


@workflow
async def waits_for_a_retry() -> None:
    await is_down()


async def test_a_run_that_backs_off() -> None:
    run = await start(waits_for_a_retry)
    info = await waiting_for(run, "retry")
    [reason] = info.waiting_for
    assert reason.detail == (
        f"the next attempt of {HERE}:is_down, after attempt 1 failed with ConnectionError: connection refused"
    )


async def test_a_run_whose_code_isnt_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its result is shown as data."""
    run = await start(pays, 7)
    await run.result()
    monkeypatch.setattr(REGISTRY, "_served", frozenset[str]())
    assert (await run.info()).result == 7
