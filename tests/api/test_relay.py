"""What a body asks of runs that aren't its children: recorded as built-in steps, so that a replay gets the same answers."""

from dataclasses import dataclass
from typing import Any

import pytest

from perdure import FatalError, RunCancelled, RunFailed, RunNotFound, get_run, sleep, start, step, workflow
from tests.api.following import facts, waiting_for

pytestmark = pytest.mark.anyio

NOBODY = "wrun_" + "0" * 26


@dataclass
class Receipt:
    id: str


@workflow
async def other(how: str) -> Receipt:
    if how == "fail":
        raise FatalError("no such card")
    if how == "sleep":
        await sleep("1h")
    return Receipt("r-1")


@workflow
async def asks_for_result(run_id: str) -> Any:
    try:
        return await get_run(run_id, Receipt).result()
    except (RunFailed, RunCancelled, RunNotFound) as error:
        return f"{type(error).__name__}: {error.__cause__ or error}"


async def test_anothers_result() -> None:
    run = await start(other, "complete")
    asking = await start(asks_for_result, run.run_id)
    assert await asking.result() == Receipt("r-1")
    [created] = await facts(asking, "step_created")
    assert created == {"name": "perdure:run.result", "input": {"run_id": run.run_id}}


async def test_anothers_result_that_comes_later() -> None:
    run = await start(other, "sleep")
    asking = await start(asks_for_result, run.run_id)
    await waiting_for(asking, "step")
    await waiting_for(run, "sleep")
    await run.wake_up()
    assert await asking.result() == Receipt("r-1")


async def test_anothers_failure() -> None:
    run = await start(other, "fail")
    assert await (await start(asks_for_result, run.run_id)).result() == "RunFailed: no such card"


async def test_anothers_cancel() -> None:
    run = await start(other, "sleep")
    await run.cancel(reason="by hand")
    assert await (await start(asks_for_result, run.run_id)).result() == (
        f"RunCancelled: run {run.run_id} was cancelled: by hand"
    )


async def test_a_run_that_isnt_there() -> None:
    assert await (await start(asks_for_result, NOBODY)).result() == (
        f"RunNotFound: there is no run {NOBODY} in this world: check the id and the world's URL"
    )


async def test_what_is_no_runs_id() -> None:
    assert await (await start(asks_for_result, "order-1")).result() == (
        "RunNotFound: 'order-1' is not a run's id: one looks like wrun_ and 26 letters and digits"
    )


@workflow
async def meddles(run_id: str) -> list[Any]:
    run = get_run(run_id)
    return [await run.status(), await run.cancel(reason="meddled", grace="1h"), await run.cancel(grace=0)]


async def test_status_and_cancel_of_another() -> None:
    run = await start(other, "sleep")
    await waiting_for(run, "sleep")
    meddling = await start(meddles, run.run_id)
    assert (await meddling.result())[:2] == ["running", True]
    assert await run.status() == "cancelled"
    assert [each["name"] for each in await facts(meddling, "step_created")] == [
        "perdure:run.status",
        "perdure:run.cancel",
        "perdure:run.cancel",
    ]


@step
async def asks_in_a_step(run_id: str) -> list[Any]:
    run = get_run(run_id, Receipt)
    return [await run.status(), (await run.result()).id, await run.cancel()]


@workflow
async def asks_through_a_step(run_id: str) -> list[Any]:
    return await asks_in_a_step(run_id)


async def test_in_a_step_a_handle_works_as_everywhere() -> None:
    run = await start(other, "complete")
    await run.result()
    asking = await start(asks_through_a_step, run.run_id)
    assert await asking.result() == ["completed", "r-1", False]
    assert len(await facts(asking, "step_created")) == 1
