"""Limits of attempts: time, silence, how many at once, at most once, and what another worker makes of an open attempt."""

import asyncio
import threading
from typing import Any

import pytest

from perdure import (
    EncodeError,
    Retry,
    StepInterrupted,
    StepTimeout,
    UsageError,
    configure,
    get_step_metadata,
    heartbeat,
    sleep,
    start,
    step,
    sync,
    worker,
    workflow,
)
from tests.api.following import facts, types_of, until, waiting_for

pytestmark = pytest.mark.anyio

SOON = Retry(max_retries=1, delay=0.001)
seen: list[Any] = []
threads_may_end = threading.Event()


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()
    threads_may_end.clear()


async def seen_some() -> bool:
    return bool(seen)


# -- time


@step(timeout=0.005, retry=SOON)
async def takes_long() -> str:
    seen.append(get_step_metadata().attempt)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        seen.append("cancelled")
        raise
    return "late"


@workflow
async def impatient() -> list[Any]:
    try:
        await takes_long()
    except StepTimeout as error:
        return [str(error), isinstance(error, TimeoutError), error.step, error.limit_ms, error.silent]
    return []


async def test_an_attempt_that_takes_too_long() -> None:
    name = f"{__name__}:takes_long"
    assert await (await start(impatient)).result() == [f"step {name} took longer than 0.005 s", True, name, 5, False]
    assert seen == [1, "cancelled", 2, "cancelled"]


@step(timeout="30s", max_retries=0)
async def times_out_by_itself() -> None:
    raise TimeoutError("of its own")


@workflow
async def meets_another_timeout() -> str:
    try:
        await times_out_by_itself()
    except TimeoutError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


async def test_a_timeout_of_the_steps_own_is_its_own() -> None:
    assert await (await start(meets_another_timeout)).result() == "TimeoutError: of its own"


@step(timeout=0.1, retry=Retry(max_retries=20, delay=0.001))
def blocks() -> str:
    seen.append(get_step_metadata().attempt)
    if len(seen) == 1:
        threads_may_end.wait(20)
        seen.append("ended")
        return "late"
    return "in time"


@workflow
async def waits_for_a_thread() -> str:
    return await blocks()


async def test_a_sync_steps_next_attempt_waits_for_its_thread() -> None:
    run = await start(waits_for_a_thread)

    async def timed_out() -> bool:
        return "step_retrying" in await types_of(run)

    await until(timed_out)
    await asyncio.sleep(0.02)  # the back-off is over by now: that nothing happens can't be waited for
    assert seen == [1]
    threads_may_end.set()
    assert await run.result() == "in time"
    assert seen[:3] == [1, "ended", 2]


# -- silence


@step(heartbeat_timeout=0.01, max_retries=0)
async def falls_silent() -> None:
    await heartbeat()
    await asyncio.sleep(60)


@workflow
async def listens() -> list[Any]:
    try:
        await falls_silent()
    except StepTimeout as error:
        return [str(error), error.silent]
    return []


async def test_silence_ends_an_attempt() -> None:
    name = f"{__name__}:falls_silent"
    assert await (await start(listens)).result() == [f"step {name} sent no heartbeat for 0.01 s", True]


@step(heartbeat_timeout=0.5, max_retries=0)
async def beats() -> str:
    for _ in range(12):
        await asyncio.sleep(0.05)
        await heartbeat()
    return "alive"


@workflow
async def hears() -> str:
    return await beats()


async def test_heartbeats_keep_an_attempt_alive() -> None:
    assert await (await start(hears)).result() == "alive"


@step(retry=SOON)
async def makes_progress(first: Any) -> Any:
    if get_step_metadata().attempt == 1:
        assert get_step_metadata().progress is None
        await heartbeat({"done": 1})
        await heartbeat(first)
        await heartbeat()  # says nothing new
        raise ValueError("half way")
    return get_step_metadata().progress


@workflow
async def goes_on_half_way(first: Any) -> Any:
    return await makes_progress(first)


@pytest.mark.parametrize("progress", [{"done": 2}, (1, 2), 7, "x"])
async def test_the_next_attempt_finds_the_progress(progress: Any) -> None:
    assert await (await start(goes_on_half_way, progress)).result() == progress


@step(max_retries=0)
async def tells_what_has_no_encoding() -> str:
    try:
        await heartbeat({"conn": object()})
    except EncodeError as error:
        return error.path
    return "accepted"


@workflow
async def hears_nonsense() -> str:
    return await tells_what_has_no_encoding()


async def test_progress_that_cant_be_encoded() -> None:
    assert await (await start(hears_nonsense)).result() == 'progress["conn"]'


@step(retry=SOON, heartbeat_timeout="20s")
def makes_progress_in_a_thread() -> Any:
    if get_step_metadata().attempt == 1:
        sync.heartbeat("half")
        raise ValueError("half way")
    return get_step_metadata().progress


@workflow
async def goes_on_in_a_thread() -> Any:
    return await makes_progress_in_a_thread()


async def test_a_sync_step_makes_progress() -> None:
    assert await (await start(goes_on_in_a_thread)).result() == "half"


# -- at once


class Crowd:
    now = most = 0


@step
async def joins() -> None:
    Crowd.now += 1
    Crowd.most = max(Crowd.most, Crowd.now)
    await asyncio.sleep(0.002)
    Crowd.now -= 1


@step
def joins_in_a_thread() -> None:
    seen.append("thread")


@workflow
async def crowds(n: int) -> None:
    await asyncio.gather(*(joins() for _ in range(n)), *(joins_in_a_thread() for _ in range(n)))


async def test_no_more_steps_run_at_once_than_the_worker_allows() -> None:
    Crowd.now = Crowd.most = 0
    configure(world="memory://", work=False)
    async with worker(concurrency=3):
        runs = [await start(crowds, 5) for _ in range(3)]
        for run in runs:
            await run.result()
    assert Crowd.most == 3
    assert seen == ["thread"] * 15


async def test_a_sleep_in_a_workflow_takes_no_slot() -> None:
    configure(world="memory://", work=False)
    async with worker(concurrency=1):
        sleepers = [await start(sleeps_for_ever) for _ in range(5)]
        assert await (await start(crowds, 1)).result() is None
        for run in sleepers:
            await run.cancel(grace=0)


@workflow
async def sleeps_for_ever() -> None:
    await sleep("99d")


async def test_a_worker_without_slots_is_refused() -> None:
    configure(world="memory://", work=False)
    with pytest.raises(UsageError) as caught:
        async with worker(concurrency=0):
            pass
    assert str(caught.value) == "a worker with concurrency=0 would never run a step: give at least 1"


# -- cut off: by a worker that hands its runs back in the middle of an attempt


@step(at_most_once=True, max_retries=0)
async def moves_money() -> str:
    seen.append(get_step_metadata().attempt)
    await asyncio.sleep(60)
    return "moved"


@workflow
async def pays() -> str:
    try:
        return await moves_money()
    except StepInterrupted as error:
        return f"{error} ({error.step}, {error.attempt})"


async def test_an_at_most_once_attempt_that_was_cut_off_is_not_repeated() -> None:
    configure(world="memory://", work=False)
    async with worker(grace=0):
        run = await start(pays)
        await until(seen_some)
    name = f"{__name__}:moves_money"
    async with worker():
        assert await run.result() == (
            f"attempt 1 of step {name} was interrupted: its worker ended before the outcome was recorded, "
            f"so the outcome is unknown; it is marked at_most_once and is not repeated ({name}, 1)"
        )
    assert seen == [1]


@step(at_most_once=True, retry=SOON)
async def moves_money_in_the_second_attempt() -> str:
    seen.append(get_step_metadata().attempt)
    if len(seen) == 1:
        raise ValueError("refused")
    return "moved"


@workflow
async def pays_again() -> str:
    return await moves_money_in_the_second_attempt()


async def test_an_at_most_once_step_is_retried_after_a_failure_that_it_told() -> None:
    run = await start(pays_again)
    assert await run.result() == "moved"
    assert seen == [1, 2]
    types = [type_ for type_ in await types_of(run) if type_.startswith("step_")]
    assert types == ["step_created", "step_started", "step_retrying", "step_started", "step_completed"]


async def test_an_at_most_once_steps_start_is_committed_before_its_body() -> None:
    run = await start(pays)
    await until(seen_some)
    assert (await types_of(run))[-1] == "step_started"
    await run.cancel(grace=0)


@step(max_retries=0)
async def is_cut_off_once() -> str:
    seen.append(get_step_metadata().attempt)
    if len(seen) == 1:
        await heartbeat("half")
        await asyncio.sleep(60)
    return f"attempt {get_step_metadata().attempt} found {get_step_metadata().progress}"


@workflow
async def is_moved() -> str:
    return await is_cut_off_once()


async def test_an_interruption_takes_an_attempt_but_no_retry() -> None:
    configure(world="memory://", work=False)
    async with worker(grace=0):
        run = await start(is_moved)
        await until(seen_some)
    async with worker():
        assert await run.result() == "attempt 2 found half"
    assert (await facts(run, "step_completed"))[0]["attempt"] == 2


async def test_a_worker_that_ends_lets_steps_end_within_its_grace() -> None:
    configure(world="memory://", work=False)
    async with worker(grace=20):
        run = await start(crowds, 1)
        await until(lambda: _has_steps(run))
    completed = (await types_of(run)).count("step_completed")
    assert completed == 2


async def _has_steps(run: Any) -> bool:
    return "step_created" in await types_of(run)


@step(retry=Retry(delay="1h", jitter=0))
async def backs_off() -> None:
    seen.append(get_step_metadata().attempt)
    raise ValueError("later")


@workflow
async def waits_an_hour() -> None:
    await backs_off()


async def test_a_new_owner_honours_the_back_off() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(waits_an_hour)
        before = await waiting_for(run, "retry")
    async with worker():
        await (await start(crowds, 1)).result()
        after = await waiting_for(run, "retry")
    assert after.waiting_for == before.waiting_for
    assert [each for each in seen if each != "thread"] == [1]


# -- what was recorded must still fit


@step(max_retries=3)
async def is_given_a_number(n: int) -> int:
    return n


@workflow
async def passes_a_text() -> str:
    try:
        await is_given_a_number("seven")  # type: ignore[arg-type]
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "accepted"


async def test_an_argument_that_doesnt_fit_its_annotation_fails_the_step_at_once() -> None:
    run = await start(passes_a_text)
    found = await run.result()
    assert found.startswith("DecodeError: n can't be read back: "), found
    assert "step_retrying" not in await types_of(run)
