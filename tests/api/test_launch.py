"""Idempotency keys: one run per key, and what another start with it gets."""

import asyncio
from typing import Any

import pytest

from perdure import StartConflict, StartOptions, find_run, list_runs, start, workflow
from perdure.api.connect import CONNECTION

pytestmark = pytest.mark.anyio

HERE = __name__
KEY = StartOptions(idempotency_key="order-1")
FAIL = StartOptions(idempotency_key="order-1", on_conflict="fail")


@workflow
async def fulfil(order: str) -> str:
    return f"fulfilled {order}"


@workflow
async def refund(order: str) -> str:
    return f"refunded {order}"


async def test_a_second_start_with_a_key_finds_the_same_run() -> None:
    first = await start(fulfil, "o-1", options=KEY)
    assert await first.result() == "fulfilled o-1"
    second = await start(fulfil, "o-1", options=KEY)
    assert second.run_id == first.run_id
    assert await second.result() == "fulfilled o-1"
    assert len([info async for info in list_runs()]) == 1


async def test_starts_at_the_same_time_find_one_run() -> None:
    runs = await asyncio.gather(*(start(fulfil, "o-1", options=KEY) for _ in range(10)))
    assert len({run.run_id for run in runs}) == 1
    assert await runs[7].result() == "fulfilled o-1"


async def test_on_conflict_fail() -> None:
    first = await start(fulfil, "o-1", options=FAIL)
    with pytest.raises(StartConflict) as caught:
        await start(fulfil, "o-1", options=FAIL)
    assert caught.value.run_id == first.run_id
    assert str(caught.value) == (
        f"the idempotency key belongs to run {first.run_id} already; on_conflict='return' gives that run instead"
    )


async def test_the_same_key_with_another_workflow() -> None:
    first = await start(fulfil, "o-1", options=KEY)
    with pytest.raises(StartConflict) as caught:
        await start(refund, "o-1", options=KEY)
    assert str(caught.value) == (
        f"the idempotency key belongs to run {first.run_id} of another workflow, {HERE}:fulfil: choose another key"
    )


@pytest.mark.parametrize("options", [KEY, FAIL])
async def test_the_same_key_with_other_arguments(options: StartOptions) -> None:
    first = await start(fulfil, "o-1", options=KEY)
    with pytest.raises(StartConflict) as caught:
        await start(fulfil, "o-2", options=options)
    assert str(caught.value) == (
        f"the idempotency key belongs to run {first.run_id} with other arguments: "
        "choose another key, or give the same arguments"
    )


async def test_arguments_are_compared_by_name() -> None:
    first = await start(fulfil, "o-1", options=KEY)
    assert (await start(fulfil, order="o-1", options=KEY)).run_id == first.run_id  # type: ignore[call-arg]


async def test_a_run_that_is_removed_while_it_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was there when its key was looked up; then its time was over. The key is free: the start has it."""
    first = await start(fulfil, "o-1", options=KEY)
    await first.result()
    world = (await CONNECTION.engine()).world
    read_log, removed = world.read_log, []

    async def read_late(*args: Any) -> Any:
        removed.append(await world.retention.prune(0, 1))
        return await read_log(*args)

    monkeypatch.setattr(world, "read_log", read_late)
    second = await start(fulfil, "o-1", options=KEY)
    monkeypatch.undo()
    assert (removed, second.run_id == first.run_id) == ([1], False)
    assert await second.result() == "fulfilled o-1"


async def test_find_run_by_its_key() -> None:
    assert await find_run("order-1") is None
    run = await start(fulfil, "o-1", options=KEY)
    found = await find_run("order-1")
    assert found is not None
    assert found.run_id == run.run_id
    assert await found.result() == "fulfilled o-1"
