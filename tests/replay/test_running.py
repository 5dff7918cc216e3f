"""The worker's loop is hidden while a body runs, and comes back."""

import asyncio
import gc
import os
import sys
from typing import Any

import pytest

from perdure.errors import DeterminismError
from tests.replay.driven import Driven


def test_it_is_the_running_loop_only_within_running() -> None:
    driven = Driven()
    assert not driven.loop.is_running()
    with driven.loop.running():
        assert asyncio.get_running_loop() is driven.loop
        assert driven.loop.is_running()
    assert not driven.loop.is_running()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_it_is_guarded_only_within_running() -> None:
    running = Driven().loop.running()
    for _ in range(2):
        with running, pytest.raises(DeterminismError, match="listing a folder"):
            os.listdir("/")
        assert os.listdir("/")


@pytest.mark.anyio
async def test_the_workers_loop_is_hidden_and_comes_back() -> None:
    outer, outer_task, hooks = asyncio.get_running_loop(), asyncio.current_task(), sys.get_asyncgen_hooks()

    async def numbers() -> Any:
        yield asyncio.current_task()

    async def main() -> None:
        assert asyncio.get_running_loop() is driven.loop
        assert [task async for task in numbers()] == [asyncio.current_task()]
        assert asyncio.all_tasks() == {asyncio.current_task()}
        await asyncio.sleep(1)

    driven = Driven()
    driven.run(main())
    assert asyncio.get_running_loop() is outer
    assert asyncio.current_task() is outer_task
    assert sys.get_asyncgen_hooks() == hooks
    await asyncio.sleep(0)


@pytest.mark.anyio
async def test_the_workers_loop_comes_back_after_an_error() -> None:
    outer, outer_task, hooks = asyncio.get_running_loop(), asyncio.current_task(), sys.get_asyncgen_hooks()
    driven = Driven()
    with pytest.raises(ZeroDivisionError), driven.loop.running():
        _ = 1 / 0
    assert asyncio.get_running_loop() is outer and asyncio.current_task() is outer_task
    assert sys.get_asyncgen_hooks() == hooks and not driven.loop.is_running()


def test_a_body_runs_once_at_a_time() -> None:
    driven = Driven()
    with driven.loop.running(), pytest.raises(AssertionError, match="P8: a body runs once at a time"):
        driven.loop.running().__enter__()


def test_another_body_may_run_within() -> None:
    outer, inner = Driven(), Driven()
    with outer.loop.running():
        with inner.loop.running():
            assert asyncio.get_running_loop() is inner.loop
        assert asyncio.get_running_loop() is outer.loop


@pytest.mark.anyio
async def test_an_abandoned_async_generator_is_not_resumed_anywhere() -> None:
    seen: list[str] = []

    async def numbers() -> Any:
        try:
            yield 1
            yield 2
        finally:
            seen.append("closed")

    async def main() -> None:
        async for _ in numbers():
            break
        gc.collect()
        await asyncio.sleep(1)

    tasks = asyncio.all_tasks()
    Driven().run(main())
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks and seen == []
