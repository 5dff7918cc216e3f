"""The loop of a process: asyncio in virtual time, that stands still and dies when it is told to."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from perdure.testing.simulation import loop as looping
from perdure.testing.simulation.loop import THREAD_MS, Died, ProcessLoop
from perdure.testing.simulation.universe import Spinning, Universe

HOUR_US = 3_600_000_000
VAR = ContextVar("VAR", default="unset")


@pytest.fixture
def universe() -> Universe:
    return Universe(1)


@pytest.fixture
def loop(universe: Universe) -> Generator[ProcessLoop]:
    made = ProcessLoop(universe)
    yield made
    made.kill()
    made.bury()


def outcome(loop: ProcessLoop, scene: Awaitable[Any]) -> Any:
    """What it comes to, within a virtual day."""

    async def play() -> Any:
        return await scene

    task = loop.create_task(play())
    loop.universe.run(loop.universe.now_us + 24 * HOUR_US)
    return task.result()


def order(seed: int) -> list[int]:
    """In which order the timers of one moment ring."""
    universe = Universe(seed)
    loop, rung = ProcessLoop(universe), []
    for number in range(5):
        loop.call_at(1, rung.append, number)
    universe.run(HOUR_US)
    return rung


# -- virtual time


def test_time_jumps_to_what_is_due(loop: ProcessLoop) -> None:
    async def nap() -> float:
        await asyncio.sleep(3600)
        return loop.time()

    assert outcome(loop, nap()) == 3600


@pytest.mark.parametrize("when", [0.1, 0.1 + 0.2, 1 / 3, 2.0000005, 1_000_000.1, 58.183643000000004])
def test_a_timer_never_rings_before_its_time(loop: ProcessLoop, when: float) -> None:
    rung: list[float] = []
    loop.call_at(when, lambda: rung.append(loop.time()))
    loop.universe.run(10**13)
    assert when <= rung[0] < when + 2e-6


def test_what_is_due_now_runs_in_order(loop: ProcessLoop) -> None:
    said: list[object] = []
    for number in range(3):
        loop.call_soon(said.append, number)
    loop.call_soon(lambda: loop.call_soon(said.append, "later"))
    loop.call_soon_threadsafe(said.append, 3)
    loop.universe.run(0)
    assert said == [0, 1, 2, 3, "later"]


def test_a_loop_at_rest_is_woken_again_and_again(loop: ProcessLoop) -> None:
    rung: list[int] = []
    for number in range(3):
        loop.call_soon(rung.append, number)
        loop.universe.run(number * 1000)
    assert rung == [0, 1, 2]


def test_ties_fall_as_the_seed_says() -> None:
    orders = [order(seed) for seed in range(10)]
    assert orders == [order(seed) for seed in range(10)]
    assert len({tuple(each) for each in orders}) > 5


def test_a_cancelled_timer_does_not_ring(loop: ProcessLoop) -> None:
    rung: list[str] = []
    loop.call_later(1, rung.append, "no").cancel()
    loop.call_later(1, rung.append, "yes")
    loop.call_soon(rung.append, "no").cancel()
    loop.universe.run(HOUR_US)
    assert (rung, loop.reports) == (["yes"], [])


def test_what_runs_has_its_context(loop: ProcessLoop) -> None:
    async def read() -> str:
        return VAR.get()

    said: list[str] = []
    context = copy_context()
    context.run(VAR.set, "set")
    task = loop.create_task(read(), name="reader", context=context)
    loop.call_soon(lambda: said.append(VAR.get()), context=context)
    loop.call_later(1, lambda: said.append(VAR.get()), context=context)
    loop.call_soon(lambda: said.append(VAR.get()))
    loop.universe.run(HOUR_US)
    assert (task.result(), task.get_name(), said) == ("set", "reader", ["set", "unset", "set"])


# -- asyncio


async def grouped() -> list[str]:
    said: list[str] = []

    async def say(word: str, delay: float) -> None:
        await asyncio.sleep(delay)
        said.append(word)

    async with asyncio.TaskGroup() as group:
        group.create_task(say("second", 2))
        group.create_task(say("first", 1))
    return said


async def timed_out() -> list[str]:
    said: list[str] = []
    for limit in (1, 3):
        try:
            async with asyncio.timeout(limit):
                await asyncio.sleep(2)
            said.append("in time")
        except TimeoutError:
            said.append("late")
    return said


async def queued() -> list[str]:
    queue: asyncio.Queue[str] = asyncio.Queue()
    event = asyncio.Event()
    reader = asyncio.ensure_future(queue.get())
    asyncio.get_running_loop().call_later(5, event.set)
    await asyncio.wait_for(event.wait(), 10)
    queue.put_nowait("read")
    return [await reader]


async def gathered() -> list[str]:
    async def fail() -> str:
        raise ValueError

    results = await asyncio.gather(asyncio.sleep(1, "one"), fail(), return_exceptions=True)
    return [str(results[0]), type(results[1]).__name__]


@pytest.mark.parametrize(
    ("scene", "said"),
    [
        (grouped, ["first", "second"]),
        (timed_out, ["late", "in time"]),
        (queued, ["read"]),
        (gathered, ["one", "ValueError"]),
    ],
)
def test_asyncio_just_works(loop: ProcessLoop, scene: Callable[[], Awaitable[list[str]]], said: list[str]) -> None:
    assert outcome(loop, scene()) == said
    assert loop.reports == []


def test_a_loop_is_the_running_one_only_while_it_runs(universe: Universe) -> None:
    one, two = ProcessLoop(universe), ProcessLoop(universe)
    seen: list[tuple[object, bool, bool]] = []
    for loop in (one, two):
        loop.call_soon(lambda: seen.append((asyncio.get_running_loop(), one.is_running(), two.is_running())))
    universe.run(0)
    assert len(seen) == 2
    assert set(seen) == {(one, True, False), (two, False, True)}
    assert not (one.is_running() or two.is_running())
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def test_a_thread_works_at_once_and_answers_a_little_later(loop: ProcessLoop) -> None:
    worked: list[float] = []

    async def ask() -> tuple[str, float]:
        result = await asyncio.to_thread(lambda: worked.append(loop.time()) or "done")
        return result, loop.time() * 1000

    result, at_ms = outcome(loop, ask())
    assert (result, worked) == ("done", [0.0])
    assert THREAD_MS[0] <= at_ms <= THREAD_MS[1]


def test_a_thread_fails_a_little_later_too(loop: ProcessLoop) -> None:
    async def ask() -> float:
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        return loop.time() * 1000

    assert THREAD_MS[0] <= outcome(loop, ask()) <= THREAD_MS[1]


def test_nobody_need_wait_for_a_thread(loop: ProcessLoop) -> None:
    async def ask() -> None:
        for work in (lambda: 1, lambda: 1 / 0):
            loop.run_in_executor(None, work).cancel()
        await asyncio.sleep(1)

    outcome(loop, ask())
    assert loop.reports == []


# -- standing still


def test_a_paused_loop_keeps_everything_for_later(loop: ProcessLoop) -> None:
    rung: list[tuple[str, float]] = []

    def ring(name: str) -> None:
        rung.append((name, loop.time()))

    loop.pause(2_000_000)
    loop.call_later(1, ring, "timer")
    loop.call_soon(ring, "soon")
    loop.call_later(3, ring, "late")
    loop.universe.run(1_999_999)
    assert rung == []
    assert loop.paused
    loop.universe.run(HOUR_US)
    assert sorted(rung) == [("late", 3), ("soon", 2), ("timer", 2)]
    assert not loop.paused


def test_others_go_on_meanwhile(universe: Universe, loop: ProcessLoop) -> None:
    other, rung = ProcessLoop(universe), []
    loop.pause(2_000_000)
    other.call_later(1, rung.append, "other")
    universe.run(1_500_000)
    assert rung == ["other"]


def test_what_has_begun_goes_on_until_the_loop_rests(loop: ProcessLoop) -> None:
    said: list[tuple[str, float]] = []

    async def act() -> None:
        loop.pause(2_000_000)
        await asyncio.sleep(0)
        said.append(("begun", loop.time()))
        await asyncio.sleep(0.001)
        said.append(("rested", loop.time()))

    outcome(loop, act())
    assert said == [("begun", 0), ("rested", 2)]


def test_the_longer_pause_counts(loop: ProcessLoop) -> None:
    rung: list[float] = []
    loop.pause(2_000_000)
    loop.pause(1_000_000)
    loop.call_soon(lambda: rung.append(loop.time()))
    loop.universe.run(HOUR_US)
    assert rung == [2]


# -- death


def test_a_killed_loop_runs_nothing_any_more(loop: ProcessLoop) -> None:
    rung: list[str] = []
    loop.call_later(1, rung.append, "timer")
    loop.call_soon(loop.kill)
    loop.call_soon(rung.append, "next")
    loop.universe.run(0)
    loop.call_soon(rung.append, "soon")
    loop.call_later(1, rung.append, "later")
    loop.universe.run(HOUR_US)
    assert rung == []
    assert loop.is_closed()


def test_what_is_buried_is_closed_in_silence(universe: Universe) -> None:
    loop, said = ProcessLoop(universe), []

    async def tidy() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            said.append("closed")

    async def stubborn() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            await asyncio.sleep(1)

    async def bad() -> None:
        try:
            await asyncio.sleep(1)
        except GeneratorExit:
            raise ValueError from None

    for scene in (tidy, stubborn, bad):
        loop.create_task(scene())
    universe.run(500_000)
    loop.create_task(tidy())  # has not begun
    loop.kill()
    loop.bury()
    gc.collect()
    universe.run(HOUR_US)
    assert (said, loop.reports) == (["closed"], [])


@pytest.mark.parametrize(("lives", "closed"), [(True, ["begun", "closed"]), (False, [])])
def test_a_generator_that_is_left_halfway_is_closed_by_the_living(
    universe: Universe, lives: bool, closed: list[str]
) -> None:
    loop, said, kept, hooks = ProcessLoop(universe), list[str](), list[Any](), sys.get_asyncgen_hooks()

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            said.append("begun")
            await asyncio.sleep(1)
            said.append("closed")

    async def take() -> None:
        kept.append(numbers())
        await anext(kept[0])

    loop.create_task(take())
    universe.run(0)
    assert sys.get_asyncgen_hooks() == hooks
    if not lives:
        loop.kill()
        loop.bury()
    kept.clear()
    universe.run(HOUR_US)
    assert said == closed
    loop.kill()
    loop.bury()


def test_the_living_are_not_buried(loop: ProcessLoop) -> None:
    with pytest.raises(AssertionError, match="when it is dead and at rest"):
        loop.bury()


def test_nobody_is_buried_while_running(universe: Universe) -> None:
    loop, errors = ProcessLoop(universe), []

    def bury() -> None:
        loop.kill()
        try:
            loop.bury()
        except AssertionError as error:
            errors.append(str(error))

    loop.call_soon(bury)
    universe.run(0)
    assert errors == ["a loop is buried when it is dead and at rest"]


# -- what went wrong


def fail(error: BaseException) -> None:
    raise error


async def failing() -> None:
    raise ValueError("nobody takes this")


def test_an_error_that_nobody_takes_is_reported(loop: ProcessLoop) -> None:
    loop.call_soon(fail, KeyError("callback"))
    loop.create_task(failing())
    loop.universe.run(0)
    gc.collect()
    assert [repr(report["exception"]) for report in loop.reports] == [
        "KeyError('callback')",
        "ValueError('nobody takes this')",
    ]
    assert loop.reports[1]["message"] == "Task exception was never retrieved"


def test_death_is_no_error(loop: ProcessLoop) -> None:
    loop.call_soon(fail, Died())
    loop.universe.run(0)
    assert loop.reports == []


def test_the_dead_report_nothing(loop: ProcessLoop) -> None:
    task = loop.create_task(failing())
    loop.universe.run(0)
    loop.kill()
    del task
    gc.collect()
    loop.call_exception_handler({"message": "too late"})
    assert loop.reports == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_stops_everything(loop: ProcessLoop, error: type[BaseException]) -> None:
    rung: list[str] = []
    loop.call_soon(fail, error())
    loop.call_soon(rung.append, "afterwards")
    with pytest.raises(error):
        loop.universe.run(0)
    assert (loop.is_running(), asyncio._get_running_loop(), rung) == (False, None, [])


def test_who_spins_is_caught(loop: ProcessLoop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looping, "HANDLES_MAX", 100)

    def spin() -> None:
        loop.call_soon(spin)

    loop.call_later(1, spin)
    with pytest.raises(Spinning, match=r"^101 callbacks at 1000000 us, the last is .*spin"):
        loop.universe.run(HOUR_US)
