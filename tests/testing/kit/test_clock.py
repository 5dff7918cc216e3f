"""A lab's time: it stands still, and rings what is due when it is moved."""

import asyncio

import pytest

from perdure.testing.kit.clock import Clock, LabTimers

pytestmark = pytest.mark.anyio


async def test_what_is_due_rings_in_order_when_time_is_moved() -> None:
    clock, rung = Clock(1000), list[str]()
    timers = LabTimers(clock, asyncio.get_running_loop())
    timers.at(3000, rung.append, "b")
    timers.at(2000, rung.append, "a")
    timers.after(1.5, rung.append, "c")
    timers.at(2000, rung.append, "cancelled").cancel()
    assert (clock.next_ms(), timers.time()) == (2000, 1.0)
    clock.move(2500)
    await asyncio.sleep(0)
    assert (rung, clock.now_ms(), clock.next_ms()) == (["a", "c"], 2500, 3000)
    clock.move(1)
    assert clock.now_ms() == 2500, "time doesn't go back"
    clock.move(9000)
    await asyncio.sleep(0)
    assert (rung, clock.next_ms()) == (["a", "c", "b"], None)


async def test_what_is_due_already_rings_at_once_but_not_in_the_call() -> None:
    clock, rung = Clock(1000), list[str]()
    timers = LabTimers(clock, asyncio.get_running_loop())
    timers.at(1000, rung.append, "a")
    late = timers.at(5, rung.append, "b")
    late.cancel()
    assert rung == []
    await asyncio.sleep(0)
    assert rung == ["a"]


async def test_a_loop_that_has_ended_is_left_alone() -> None:
    clock, loop = Clock(0), asyncio.new_event_loop()
    LabTimers(clock, loop).at(10, print)
    loop.close()
    clock.move(10)
