"""The event loop: the order in which things run, time, what is reported, and the same in every replay."""

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from hashlib import blake2b

import pytest

from perdure.core.place import Place
from perdure.errors import DurationInvalid
from perdure.replay.control import BodyClosed, BodyDiverged
from tests.replay.driven import Driven, ManualTimer

COLOUR: ContextVar[str] = ContextVar("colour", default="none")

# -- order


def test_callbacks_run_in_the_order_they_were_asked_for_until_none_is_left() -> None:
    driven, seen = Driven(), []

    def first() -> None:
        seen.append("first")
        driven.loop.call_soon(seen.append, "third")

    driven.loop.call_soon(first)
    driven.loop.call_soon(seen.append, "second")
    driven.rest()
    assert seen == ["first", "second", "third"]


def test_a_cancelled_handle_does_not_run() -> None:
    driven, seen = Driven(), []
    driven.loop.call_soon(seen.append, 1).cancel()
    driven.loop.call_soon(seen.append, 2)
    driven.rest()
    assert seen == [2] and driven.errors == []


def test_a_callback_runs_in_its_context() -> None:
    driven, seen = Driven(), []
    context = copy_context()
    context.run(COLOUR.set, "red")
    driven.loop.call_soon(lambda: seen.append(COLOUR.get()), context=context)
    driven.loop.call_soon(lambda: seen.append(COLOUR.get()))
    driven.rest()
    assert seen == ["red", "none"]


def test_a_body_cannot_ask_the_loop_to_rest() -> None:
    driven = Driven()
    driven.loop.call_soon(driven.loop.rest)
    driven.rest()
    assert str(driven.errors[0]["exception"]) == "a body runs until it rests: nothing in it may ask it to rest"


def test_what_a_callback_raises_is_reported_and_the_others_run() -> None:
    driven, seen = Driven(), []
    driven.loop.call_soon(lambda: 1 / 0)
    driven.loop.call_soon(seen.append, "next")
    driven.rest()
    assert seen == ["next"]
    assert isinstance(driven.errors[0]["exception"], ZeroDivisionError)
    assert driven.errors[0]["message"].startswith("Exception in callback <Handle test_what_a_callback_raises")


@pytest.mark.parametrize("control", [BodyClosed, BodyDiverged])
def test_control_flow_leaves_rest_and_what_was_ready_stays_ready(control: type[BaseException]) -> None:
    driven, seen = Driven(), []

    def stop() -> None:
        raise control

    driven.loop.call_soon(seen.append, 1)
    driven.loop.call_soon(stop)
    driven.loop.call_soon(seen.append, 2)
    with pytest.raises(control):
        driven.rest()
    assert seen == [1] and driven.errors == []
    driven.rest()
    assert seen == [1, 2]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_an_exit_raised_in_a_task_is_the_tasks_outcome(error: type[BaseException]) -> None:
    async def main() -> None:
        raise error("stop")

    driven = Driven()
    task = driven.begin(main())
    assert isinstance(task.exception(), error)
    assert driven.errors == []
    driven.put_away()


def test_an_exit_raised_in_a_callback_is_reported() -> None:
    driven = Driven()
    driven.loop.call_soon(sys.exit, 3)
    driven.rest()
    assert isinstance(driven.errors[0]["exception"], SystemExit)


# -- time


def test_the_clock_stands_still_until_the_body_moves_it() -> None:
    driven = Driven()
    driven.loop.now_ms = 1_700_000_000_123
    assert driven.loop.time() == driven.loop.time() == 1_700_000_000.123


def test_only_asyncio_sleep_is_no_timeout() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(1)
        async with asyncio.timeout(2):
            pass
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 3)
        loop.call_later(4, print)

    driven = Driven()
    driven.run(main())
    assert [(timer.due_ms, timer.is_timeout) for timer in driven.timers] == [
        (1000, False), (3000, True), (4000, True), (8000, True),
    ]  # fmt: skip


def test_a_delay_of_whole_milliseconds_is_due_on_the_millisecond() -> None:
    driven = Driven()
    with driven.loop.running():
        for now_ms in (0, 1, 999, 1_700_000_000_123, 1_799_999_999_999, 4_102_444_800_001):
            for delay_ms in (1, 3, 7, 10, 100, 250, 1001, 86_400_000, 31_536_000_007):
                driven.loop.now_ms = now_ms
                driven.loop.call_later(delay_ms / 1000, print)
                assert driven.timers[-1].due_ms == now_ms + delay_ms


def test_a_part_of_a_millisecond_is_waited_for_in_full() -> None:
    driven = Driven()
    with driven.loop.running():
        driven.loop.call_later(0.0012, print)
        driven.loop.call_at(0.0050001, print)
    assert [timer.due_ms for timer in driven.timers] == [2, 5]


@pytest.mark.parametrize("delay", [float("inf"), float("nan")])
def test_a_timer_without_an_end_is_refused(delay: float) -> None:
    driven = Driven()
    with driven.loop.running(), pytest.raises(DurationInvalid, match=f"{delay!r} is no duration: it is not a finite"):
        driven.loop.call_later(delay, print)


def test_a_cancelled_timer_is_released_once_and_never_runs() -> None:
    driven, seen = Driven(), []
    with driven.loop.running():
        timer = driven.loop.call_later(1, seen.append, 1)
        timer.cancel()
        timer.cancel()
        driven.timers[0].fire()
        driven.loop.rest()
    assert driven.timers[0].released == 1 and seen == [] and driven.errors == []


def test_a_timer_that_was_due_is_not_released() -> None:
    driven, seen = Driven(), []
    with driven.loop.running():
        timer = driven.loop.call_later(1, seen.append, 1)
        driven.timers[0].fire()
        driven.loop.rest()
        timer.cancel()
    assert driven.timers[0].released == 0 and seen == [1]


def test_a_timer_cancelled_between_due_and_its_turn_does_not_run() -> None:
    driven, seen = Driven(), []
    with driven.loop.running():
        timer = driven.loop.call_later(1, seen.append, 1)
        driven.timers[0].fire()
        timer.cancel()
        driven.loop.rest()
    assert driven.timers[0].released == 0 and seen == [] and driven.errors == []


def test_what_the_body_raises_for_a_timer_reaches_the_caller() -> None:
    async def main() -> str:
        try:
            await asyncio.sleep(1)
        except BodyClosed:
            return "closed"
        return "slept"

    driven = Driven()
    driven.refuse = BodyClosed()
    assert driven.run(main()) == "closed"


def test_control_flow_that_ends_a_task_is_not_reported() -> None:
    async def child() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        asyncio.create_task(child())  # noqa: RUF006
        await asyncio.sleep(0)

    driven = Driven()
    driven.refuse = BodyDiverged()
    driven.run(main())
    gc.collect()
    assert driven.errors == []


def test_timers_are_protocol_enough() -> None:
    """What the body gives need not be more than on_due and release, and may be due at once."""

    class Due(ManualTimer):
        def on_due(self, callback: Callable[[], None]) -> None:
            callback()

    class Owner(Driven):
        def open_timer(self, place: Place, due_ms: int, is_timeout: bool) -> ManualTimer:
            return Due(place, due_ms, is_timeout)

    async def main() -> str:
        return await asyncio.sleep(1, "slept")

    loop = Owner().loop
    with loop.running():
        task = loop.create_main(main())
        loop.rest()
        assert task.result() == "slept"
        loop.put_away()


# -- what asyncio reports


def test_an_exception_that_nobody_retrieves_is_reported() -> None:
    async def child() -> None:
        raise ValueError("lost")

    async def main() -> None:
        asyncio.create_task(child())  # noqa: RUF006
        await asyncio.sleep(1)

    driven = Driven()
    driven.run(main())
    gc.collect()
    [error] = driven.errors
    assert error["message"] == "Task exception was never retrieved"
    assert str(error["exception"]) == "lost"


def test_an_exception_that_a_sleeping_body_may_still_retrieve_is_not_reported() -> None:
    async def child() -> None:
        raise ValueError("later")

    async def main() -> None:
        task = asyncio.create_task(child())
        await asyncio.sleep(1)
        await task

    driven = Driven()
    driven.begin(main())
    driven.put_away()
    gc.collect()
    assert driven.errors == []


def test_a_task_that_nobody_holds_goes_on() -> None:
    """The garbage collector would run its `finally` block at a moment that no replay could repeat."""
    seen: list[str] = []

    async def forgotten() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("ended")

    async def main() -> None:
        asyncio.create_task(forgotten())  # noqa: RUF006
        await asyncio.sleep(1)
        gc.collect()
        assert seen == []

    driven = Driven()
    driven.run(main())
    assert seen == ["ended"] and driven.errors == []


def test_finished_tasks_are_let_go() -> None:
    async def child() -> None:
        pass

    async def main() -> None:
        for _ in range(1000):
            await asyncio.create_task(child())

    driven = Driven()
    driven.begin(main())
    assert len(driven.loop._tasks) < 40
    driven.put_away()


# -- the same in every replay

SETS_OF_TASKS = """
import asyncio
from tests.replay.driven import Driven

async def child(n):
    await asyncio.sleep(n)

async def main():
    loop = asyncio.get_running_loop()
    tasks = {asyncio.create_task(child(n)): n for n in range(1, 40)}
    chosen = {task for task, n in tasks.items() if n % 3}
    done, pending = await asyncio.wait(chosen, timeout=20)
    futures = {loop.create_future(): n for n in range(20)}
    print([tasks[task] for task in chosen], [tasks[task] for task in done], [tasks[task] for task in pending])
    print([futures[future] for future in set(futures)], sorted(task.get_name() for task in done))
    print([task.get_name() for task in asyncio.all_tasks()])

asyncio.run(asyncio.sleep(0))  # other tasks of the process count for nothing
Driven(salt=7**20).run(main())
"""


def test_sets_of_tasks_iterate_alike_under_every_hash_seed() -> None:
    def printed(seed: str, waste: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([*sys.path, os.getcwd()])}
        command = [sys.executable, "-c", f"waste = {waste}\n{SETS_OF_TASKS}"]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    one = printed("1", "None")
    assert one == printed("2", "[object() for _ in range(12_345)]")
    assert one.count("\n") == 3


def test_ten_thousand_live_bodies_share_no_hash() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    def salt(number: int) -> int:
        return int.from_bytes(blake2b(b"wrun_%d" % number, digest_size=7).digest(), "big")

    bodies = [Driven(salt=salt(number)) for number in range(10_000)]
    tasks = [body.begin(main(), Context()) for body in bodies]
    assert len({hash(task) for task in tasks}) == 10_000
    for body in bodies:
        body.put_away()
