"""`run.retry`: a failed run goes on in place from its failed step; and where it can't, what it says."""

import asyncio
from typing import Any

import pytest

from perdure import (
    FatalError,
    Retry,
    RunCancelled,
    RunFailed,
    StepInterrupted,
    UsageError,
    configure,
    get_run,
    get_step_metadata,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from tests.api.following import facts, types_of, until, waiting_for

pytestmark = pytest.mark.anyio

seen: list[Any] = []
broken: set[str] = set()


@pytest.fixture(autouse=True)
def all_is_broken() -> None:
    seen.clear()
    broken.clear()
    broken.update(("provider", "other"))


@step
async def reserves() -> str:
    seen.append("reserve")
    return "reserved"


@step(retry=Retry(max_retries=1, delay=0.001))
async def charges(what: str = "provider") -> str:
    seen.append((get_step_metadata().step_id, get_step_metadata().attempt))
    if what in broken:
        raise ValueError(f"{what} is down")
    return "charged"


@workflow
async def fulfils() -> list[str]:
    return [await reserves(), await charges(), await reserves()]


async def test_a_failed_run_goes_on_from_its_failed_step() -> None:
    run = await start(fulfils)
    with pytest.raises(RunFailed):
        await run.result()
    broken.clear()
    await run.retry()
    assert await run.result() == ["reserved", "charged", "reserved"]
    attempts = [each for each in seen if each != "reserve"]
    assert [attempt for _, attempt in attempts] == [1, 2, 3]
    assert len({step_id for step_id, _ in attempts}) == 1, "the same step id"
    assert seen.count("reserve") == 2, "what was done isn't done again"
    assert (await types_of(run)).count("run_retried") == 1
    assert await run.status() == "completed"


async def test_a_retry_has_the_whole_budget_again() -> None:
    run = await start(fulfils)
    with pytest.raises(RunFailed):
        await run.result()
    await run.retry()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert str(caught.value.__cause__) == "provider is down"
    assert len(seen) == 1 + 4
    broken.clear()
    await run.retry()
    assert await run.result() == ["reserved", "charged", "reserved"]


async def test_a_retry_by_another_worker() -> None:
    configure(world="memory://", work=False)
    async with worker():
        run = await start(fulfils)
        with pytest.raises(RunFailed):
            await run.result()
    await run.retry()
    assert await run.status() == "running"
    broken.clear()
    async with worker():
        assert await run.result() == ["reserved", "charged", "reserved"]


@workflow
async def charges_twice() -> list[Any]:
    return [*await asyncio.gather(charges("provider"), charges("other"))]


async def test_parallel_steps_of_which_one_or_both_failed() -> None:
    run = await start(charges_twice)
    with pytest.raises(RunFailed):
        await run.result()
    broken.clear()
    await run.retry()
    assert await run.result() == ["charged", "charged"]


@step(at_most_once=True)
async def moves_money() -> str:
    seen.append("money")
    await asyncio.sleep(60)
    return "moved"


@step(max_retries=0)
async def charges_once_money_moves() -> str:
    async def moving() -> bool:
        return "money" in seen

    await until(moving)
    return await charges()


@workflow
async def moves_and_charges() -> list[str]:
    return [*await asyncio.gather(moves_money(), charges_once_money_moves())]


async def test_an_at_most_once_step_that_was_cut_off_by_the_failure_is_not_repeated() -> None:
    run = await start(moves_and_charges)
    with pytest.raises(RunFailed):
        await run.result()
    broken.clear()
    await run.retry()
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert type(caught.value.__cause__) is StepInterrupted
    assert seen.count("money") == 1


# -- where it can't


def nothing_to_go_on_from(run_id: str) -> str:
    return (
        f"run {run_id} failed by itself, or has acted on a step's failure since: "
        "there is no step to go on from; use rerun"
    )


@workflow
async def fails_by_itself() -> None:
    await reserves()
    raise FatalError("of its own")


async def test_a_run_that_failed_by_itself() -> None:
    run = await start(fails_by_itself)
    with pytest.raises(RunFailed):
        await run.result()
    with pytest.raises(UsageError) as caught:
        await run.retry()
    assert str(caught.value) == nothing_to_go_on_from(run.run_id)
    assert await run.status() == "failed"


@workflow
async def acts_on_the_failure() -> None:
    try:
        await charges()
    except ValueError:
        await reserves()
        raise


async def test_a_run_that_has_acted_on_the_failure() -> None:
    run = await start(acts_on_the_failure)
    with pytest.raises(RunFailed):
        await run.result()
    with pytest.raises(UsageError) as caught:
        await run.retry()
    assert str(caught.value) == nothing_to_go_on_from(run.run_id)


@workflow
async def sleeps() -> str:
    await sleep("1h")
    return "slept"


async def test_a_run_that_is_neither_failed_nor_blocked() -> None:
    run = await start(sleeps)
    await waiting_for(run, "sleep")
    with pytest.raises(UsageError) as caught:
        await run.retry()
    assert str(caught.value) == f"run {run.run_id} is running: only a failed or blocked run can be retried; use rerun"
    await run.wake_up()
    await run.result()
    with pytest.raises(UsageError) as caught:
        await run.retry()
    assert str(caught.value) == f"run {run.run_id} is completed: only a failed or blocked run can be retried; use rerun"
    other = await start(sleeps)
    await other.cancel()
    with pytest.raises(RunCancelled):
        await other.result()
    with pytest.raises(UsageError, match="is cancelled: only a failed or blocked run"):
        await other.retry()


@workflow
async def has_a_child() -> str:
    child = await start(fulfils)
    try:
        await child.result()
    except RunFailed:
        return child.run_id
    return "went well"


async def test_a_child_whose_parent_was_told() -> None:
    child_id = await (await start(has_a_child)).result()
    with pytest.raises(UsageError) as caught:
        await get_run(child_id).retry()
    assert str(caught.value) == f"run {child_id} is a child and its parent was told of the failure: use rerun"


async def test_a_retried_run_that_failed_again_elsewhere_is_told_apart() -> None:
    run = await start(fulfils)
    with pytest.raises(RunFailed):
        await run.result()
    await run.retry()
    with pytest.raises(RunFailed):
        await run.result()
    assert [fact["failureSeq"] for fact in await facts(run, "run_retried")] == [
        next(event.seq for event in (await run.events()).items if event.type == "step_failed")
    ]
