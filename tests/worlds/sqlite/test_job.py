"""Futures learn what came of their jobs, from any thread, and nobody waits for ever."""

import asyncio
import threading

import pytest

from perdure.errors import WorldUnavailable
from perdure.worlds.sqlite.job import Job, JobQueue, settle

pytestmark = pytest.mark.anyio


def job() -> Job:
    return Job(len, ("abc",), asyncio.get_running_loop().create_future())


async def test_results_and_errors_arrive_from_another_thread() -> None:
    good, bad = job(), job()
    thread = threading.Thread(target=settle, args=([(good, 3, None), (bad, None, ValueError("x"))],))
    thread.start()
    assert await good.future == 3
    with pytest.raises(ValueError, match="x"):
        await bad.future
    thread.join()


async def test_a_cancelled_caller_is_passed_over() -> None:
    gone, other = job(), job()
    gone.future.cancel()
    settle([(gone, 1, None), (other, 2, None)])
    assert await other.future == 2
    assert gone.future.cancelled()


async def test_a_closed_loop_is_passed_over() -> None:
    loop = asyncio.new_event_loop()
    gone, other = Job(len, (), loop.create_future()), job()
    loop.close()
    settle([(gone, 1, None), (other, 2, None)])
    assert await other.future == 2


async def test_what_comes_after_the_end_is_refused() -> None:
    queue = JobQueue()
    before, left = job(), job()
    queue.put(before)
    queue.end()
    queue.put(left)
    assert (queue.get(), queue.get()) == (before, None)
    queue.close()
    late = job()
    queue.put(late)
    for refused in (left, late):
        with pytest.raises(WorldUnavailable) as caught:
            await refused.future
        assert str(caught.value) == "the world can't be reached: it was closed in this process"
