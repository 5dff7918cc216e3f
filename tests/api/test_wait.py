"""Time, chance and choice: functions of the log in a body, the ordinary ones elsewhere; racing and waiting in bodies."""

import asyncio
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from perdure import (
    DurationInvalid,
    NotInWorkflow,
    RunFailed,
    Workflow,
    as_completed,
    configure,
    now,
    patched,
    race,
    random,
    sleep,
    start,
    step,
    timeout,
    uuid4,
    wait,
    worker,
    workflow,
)
from tests.api.following import facts, types_of, waiting_for

pytestmark = pytest.mark.anyio

seen: list[Any] = []


@pytest.fixture(autouse=True)
def nothing_seen() -> None:
    seen.clear()


@step
async def after(ms: int, result: str) -> str:
    try:
        await asyncio.sleep(ms / 1000)
    except asyncio.CancelledError:
        seen.append(f"{result} cancelled")
        raise
    return result


@step(max_retries=0)
async def fails(text: str) -> str:
    raise ValueError(text)


# -- sleep


@workflow
async def naps(duration: Any) -> Any:
    before = now()
    result = await sleep(duration, result="rested")
    return [(now() - before) / timedelta(milliseconds=1), result]


@pytest.mark.parametrize("duration", ["5ms", 0.005, timedelta(milliseconds=5)])
async def test_a_sleep_lasts_and_gives_its_result(duration: Any) -> None:
    slept_ms, result = await (await start(naps, duration)).result()
    assert slept_ms >= 5
    assert result == "rested"


async def test_a_sleep_until_a_moment() -> None:
    until = datetime.now(UTC) + timedelta(milliseconds=5)
    run = await start(naps, until)
    await run.result()
    [wait_info] = [each async for each in run.waits()]
    assert timedelta(0) <= wait_info.due_at - until < timedelta(milliseconds=1)
    assert wait_info.completed_at is not None
    assert wait_info.completed_at >= wait_info.due_at, "a wait never ends early"


async def test_a_sleep_until_a_moment_that_has_passed() -> None:
    assert (await (await start(naps, datetime(2020, 1, 1, tzinfo=UTC))).result())[1] == "rested"


@workflow
async def naps_wrongly(duration: Any) -> str:
    try:
        await sleep(duration)
    except DurationInvalid as error:
        return str(error)
    return "slept"


@pytest.mark.parametrize(
    ("duration", "reason"),
    [
        ("5 parsecs", "its units are not ms, s, m, h, d or w after a number"),
        (datetime(2030, 1, 1), "it is a datetime without a time zone"),
        (-1, "it is negative"),
    ],
)
async def test_what_is_no_duration(duration: Any, reason: str) -> None:
    sentence = (
        f"{duration!r} is no duration: {reason}; write seconds as a number, a text like '1h30m', a timedelta, "
        "or a datetime with a time zone"
    )
    run = await start(naps_wrongly, duration)
    assert await run.result() == sentence
    assert "wait_created" not in await types_of(run)
    with pytest.raises(DurationInvalid) as caught:
        await sleep(duration)
    assert str(caught.value) == sentence


async def test_outside_of_a_run_sleep_is_the_ordinary_one() -> None:
    before = time.monotonic()
    assert await sleep("2ms", result="rested") == "rested"
    assert time.monotonic() - before >= 0.002


@workflow
async def sleeps_as_asyncio_does() -> float:
    before = asyncio.get_running_loop().time()
    await asyncio.sleep(0.003)
    return asyncio.get_running_loop().time() - before


async def test_asyncios_sleep_is_durable_too() -> None:
    run = await start(sleeps_as_asyncio_does)
    assert round(await run.result(), 6) >= 0.003  # the difference of two clocks in seconds: floats
    assert [each.kind async for each in run.waits()] == ["sleep"]


# -- now, random, uuid4


@workflow
async def looks_around() -> list[Any]:
    first = [now(), now(), random(), random(), uuid4(), uuid4()]
    await sleep("1ms")
    return [*first, now(), random()]


async def test_time_and_chance_in_a_body_are_functions_of_the_log() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(remembers)
        await waiting_for(run, "sleep")
    async with worker():
        await run.wake_up()
        assert await run.result() == seen[0]
    assert len(seen) == 2, "the body was begun anew by the second worker"
    assert seen[0] == seen[1]


@workflow
async def remembers() -> Any:
    drawn = [now(), random(), str(uuid4()), await asyncio.gather(_draw(), _draw())]
    seen.append(drawn)  # perdure: ignore[global-state]
    await sleep("1h")
    return drawn


async def _draw() -> float:
    return random()


async def test_what_they_give_in_a_body() -> None:
    run = await start(looks_around)
    before, again, chance, other, one, two, later, _ = await run.result()
    assert before == again
    assert later > before
    assert before.tzinfo is UTC
    assert 0 <= chance < 1
    assert chance != other
    assert isinstance(one, uuid.UUID)
    assert (one.version, one == two) == (4, False)
    started = (await run.info()).started_at
    assert before == started, "now() of turn 0 is when the run started"


async def test_outside_of_a_body_they_are_the_ordinary_ones() -> None:
    assert abs(now() - datetime.now(UTC)) < timedelta(seconds=10)
    assert 0 <= random() < 1
    assert random() != random()
    assert uuid4() != uuid4()


# -- race, timeout, wait, as_completed


@workflow
async def races() -> Any:
    return await race(after(60_000, "slow"), after(1, "fast"), sleep("1h", result="never"))


async def test_the_first_to_finish_wins_and_the_others_are_cancelled() -> None:
    run = await start(races)
    assert await run.result() == "fast"
    assert seen == ["slow cancelled"]
    assert [(each.kind, each.status) async for each in run.waits()] == [("sleep", "cancelled")]
    assert [each.status async for each in run.steps()] == ["cancelled", "completed"]


@workflow
async def races_against_time() -> Any:
    return await race(after(60_000, "slow"), sleep("1ms", result="too late"))


async def test_a_sleep_may_win_a_race() -> None:
    assert await (await start(races_against_time)).result() == "too late"
    assert seen == ["slow cancelled"]


@workflow
async def lets_the_loser_go_on() -> list[str]:
    loser = asyncio.create_task(after(5, "slow"))
    first = await race(asyncio.shield(loser), sleep("1ms", result="too late"))
    return [first, await loser]


async def test_a_shielded_loser_goes_on() -> None:
    assert await (await start(lets_the_loser_go_on)).result() == ["too late", "slow"]


@workflow
async def has_a_deadline(ms: int) -> str:
    try:
        async with timeout(ms / 1000):
            return await after(60_000 if ms < 1000 else 1, "done")
    except TimeoutError:
        return "too late"


async def test_a_timeout_in_a_body() -> None:
    assert await (await start(has_a_deadline, 2)).result() == "too late"
    assert seen == ["done cancelled"]
    assert await (await start(has_a_deadline, 60_000)).result() == "done"


@workflow
async def has_asyncios_deadline() -> str:
    try:
        return await asyncio.wait_for(after(60_000, "done"), 0.002)
    except TimeoutError:
        return "too late"


async def test_asyncios_timeout_in_a_body() -> None:
    assert await (await start(has_asyncios_deadline)).result() == "too late"


def test_a_timeout_that_is_no_duration() -> None:
    with pytest.raises(DurationInvalid):
        timeout("soon")


async def test_no_timeout() -> None:
    async with timeout(None) as limit:
        assert limit.when() is None


@workflow
async def waits_for_some() -> list[Any]:
    tasks = [asyncio.create_task(after(60_000, "slow")), asyncio.create_task(after(1, "fast"))]
    done, pending = await wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    late, left = await wait([asyncio.create_task(after(60_000, "late"))], timeout="2ms")
    return [[task.result() for task in done], len(pending), len(late), len(left)]


async def test_wait_in_a_body() -> None:
    assert await (await start(waits_for_some)).result() == [["fast"], 1, 0, 1]


@workflow
async def takes_what_comes() -> list[str]:
    tasks = [asyncio.create_task(after(ms, name)) for ms, name in ((60_000, "slow"), (10, "second"), (0, "first"))]
    got: list[str] = []
    async for task in as_completed(tasks):
        got.append(task.result())
        if len(got) == 2:
            break
    return got


async def test_as_completed_in_a_body() -> None:
    assert await (await start(takes_what_comes)).result() == ["first", "second"]


@workflow
async def groups() -> str:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(after(60_000, "slow"))
            group.create_task(fails("boom"))
    except ExceptionGroup as errors:
        return repr(errors.exceptions)
    return "done"


async def test_a_task_group_cancels_the_steps_of_the_others() -> None:
    assert await (await start(groups)).result() == "(ValueError('boom'),)"
    assert seen == ["slow cancelled"]


# -- patched


def define(new: bool) -> Workflow[[], list[str]]:
    """The code before and after a change."""

    @workflow(name="app:evolves")
    async def evolves() -> list[str]:
        first = await after(0, "checked twice" if new and patched("new-check") else "checked")
        await sleep("1h")
        if new and patched("new-ending"):
            return [first, await after(0, "new ending")]
        return [first, await after(0, "old ending")]

    return evolves


async def test_patched_is_true_for_a_new_run() -> None:
    run = await start(define(new=True))
    await waiting_for(run, "sleep")
    await run.wake_up()
    assert await run.result() == ["checked twice", "new ending"]
    assert await facts(run, "patch_marked") == [
        {"name": "new-check", "answer": True},
        {"name": "new-ending", "answer": True},
    ]


async def test_an_old_run_keeps_the_old_path_where_it_has_passed_and_takes_the_new_one_where_it_hasnt() -> None:
    configure(world="memory://", work=False)
    old = define(new=False)
    async with worker():
        run = await start(old)
        await waiting_for(run, "sleep")
    define(new=True)
    async with worker():
        await run.wake_up()
        assert await run.result() == ["checked", "new ending"]


async def test_outside_of_a_workflow_nothing_is_patched() -> None:
    with pytest.raises(NotInWorkflow) as caught:
        patched("new-check")
    assert str(caught.value) == "patched was called outside of a workflow: it asks which path a run takes"


@step(max_retries=0)
async def patches() -> bool:
    return patched("new-check")


@workflow
async def patches_in_a_step() -> bool:
    return await patches()


async def test_a_step_is_not_patched() -> None:
    with pytest.raises(RunFailed) as caught:
        await (await start(patches_in_a_step)).result()
    assert type(caught.value.__cause__) is NotInWorkflow
