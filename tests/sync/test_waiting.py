"""Waiting for several things at once, from code without a loop."""

import asyncio

import pytest

from perdure import sync


async def answer(n: int) -> int:
    await asyncio.sleep(n / 1000)
    return n


def test_sleeping_racing_and_waiting() -> None:
    assert sync.sleep("1ms", result="rested") == "rested"
    assert sync.race(answer(20_000), answer(1)) == 1
    done, pending = sync.wait([answer(1), answer(2)])
    assert [task.result() for task in done] == [1, 2]
    assert pending == []
    assert [task.result() for task in sync.as_completed([answer(20), answer(0)])] == [0, 20]
    unfinished = sync.as_completed([answer(20_000)], timeout="1ms")
    with pytest.raises(TimeoutError):
        next(unfinished)
