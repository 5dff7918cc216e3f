"""`race`, on perdure's loop and on asyncio's own."""

import asyncio
import gc
import weakref
from typing import Any

import pytest

from perdure.errors import ArgumentsInvalid
from perdure.replay.race import race
from tests.replay.driven import Driven, run


class Tidy:
    """Sleeps, and says how that ended."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def sleep(self, delay: float, name: str, cleanup: float = 0, error: Exception | None = None) -> str:
        try:
            await asyncio.sleep(delay)
        except asyncio.CancelledError:
            await asyncio.sleep(cleanup)
            self.seen.append(f"{name} cancelled")
            if error:
                raise error from None
            raise
        if error:
            raise error
        self.seen.append(f"{name} done")
        return name


class Hook:
    """Awaitable, but no coroutine, and no member of sets."""

    __hash__ = None  # type: ignore[assignment]

    def __await__(self) -> Any:
        return asyncio.sleep(1, "hook").__await__()


def test_the_first_to_finish_wins_and_the_others_are_cancelled() -> None:
    async def main() -> str:
        return await race(tidy.sleep(3, "a"), tidy.sleep(1, "b"), tidy.sleep(2, "c"))

    tidy, driven = Tidy(), Driven()
    assert driven.run(main()) == "b"
    assert tidy.seen == ["b done", "a cancelled", "c cancelled"]
    assert driven.loop.now_ms == 1000 and [timer.released for timer in driven.timers] == [1, 0, 1]


def test_one_alone_wins() -> None:
    assert run(race(asyncio.sleep(1, "alone"))) == "alone"


def test_nobody_can_win_a_race_of_nothing() -> None:
    with pytest.raises(ArgumentsInvalid) as caught:
        run(race())
    assert str(caught.value) == "the arguments don't fit race: it needs at least one awaitable"


def test_what_cannot_be_awaited_is_refused_before_anything_runs() -> None:
    coroutine = asyncio.sleep(1)
    with pytest.raises(ArgumentsInvalid) as caught:
        run(race(coroutine, 5))  # type: ignore[arg-type]
    assert str(caught.value) == "the arguments don't fit race: number 2 is of type int: it can't be awaited"
    coroutine.close()


def test_coroutines_tasks_futures_and_other_awaitables_take_part() -> None:
    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        future, late = loop.create_future(), loop.create_future()
        loop.call_later(1, future.set_result, "future")
        return [
            await race(future, asyncio.sleep(2)),
            await race(asyncio.create_task(asyncio.sleep(1, "task")), asyncio.sleep(2)),
            await race(asyncio.sleep(2), Hook()),
            await race(asyncio.gather(asyncio.sleep(1, 1), asyncio.sleep(1, 2)), late),
            late.cancelled(),
        ]

    assert run(main()) == ["future", "task", "hook", [1, 2], True]


def test_the_same_awaitable_twice_is_one() -> None:
    async def main() -> str:
        coroutine = asyncio.sleep(1, "once")
        return await race(coroutine, coroutine)

    assert run(main()) == "once"


def test_a_failure_wins_too() -> None:
    async def main() -> None:
        await race(tidy.sleep(1, "a", error=KeyError("first")), tidy.sleep(2, "b"))

    tidy, driven = Tidy(), Driven()
    with pytest.raises(KeyError, match="first"):
        driven.run(main())
    assert tidy.seen == ["b cancelled"] and driven.errors == []


def test_a_winner_that_was_cancelled_raises_cancelled_error() -> None:
    async def main() -> str:
        task = asyncio.create_task(asyncio.sleep(9))
        asyncio.get_running_loop().call_later(1, task.cancel)
        try:
            await race(task, asyncio.sleep(5))
        except asyncio.CancelledError:
            return "cancelled"
        return "won"

    assert run(main()) == "cancelled"


def test_in_one_pass_the_first_in_order_of_completion_wins() -> None:
    async def main() -> str:
        event = asyncio.Event()

        async def one(name: str) -> str:
            await event.wait()
            return name

        def later(name: str) -> asyncio.Task[str]:
            return asyncio.create_task(one(name))

        first = later("first waiter")
        await asyncio.sleep(0)
        second = later("second waiter")
        await asyncio.sleep(0)
        event.set()
        return await race(second, first)

    assert run(main()) == "first waiter"


def test_of_those_already_done_the_first_given_wins() -> None:
    async def main() -> str:
        futures = [asyncio.get_running_loop().create_future() for _ in range(3)]
        for future, name in zip(futures, "abc", strict=True):
            future.set_result(name)
        return await race(*futures[::-1])

    assert run(main()) == "c"


def test_it_waits_until_the_losers_have_cleaned_up() -> None:
    async def main() -> str:
        return await race(tidy.sleep(1, "a"), tidy.sleep(5, "b", cleanup=3), tidy.sleep(6, "c", cleanup=2))

    tidy, driven = Tidy(), Driven()
    assert driven.run(main()) == "a"
    assert tidy.seen == ["a done", "c cancelled", "b cancelled"] and driven.loop.now_ms == 4000


def test_what_a_loser_raises_is_reported_not_raised() -> None:
    async def main() -> str:
        return await race(tidy.sleep(1, "a"), tidy.sleep(5, "b", error=ValueError("bad cleanup")))

    tidy, driven = Tidy(), Driven()
    assert driven.run(main()) == "a"
    gc.collect()
    [error] = driven.errors
    assert error["message"] == "an awaitable that lost a race raised an exception"
    assert str(error["exception"]) == "bad cleanup"


def test_shield_lets_a_loser_go_on() -> None:
    async def main() -> list[str]:
        task = asyncio.create_task(tidy.sleep(5, "kept"))
        return [await race(asyncio.shield(task), tidy.sleep(1, "quick")), await task]

    tidy = Tidy()
    assert run(main()) == ["quick", "kept"]


def test_cancelling_a_race_cancels_all_once_and_waits_for_them() -> None:
    async def main() -> bool:
        task = asyncio.create_task(race(tidy.sleep(8, "a", cleanup=2), tidy.sleep(9, "b", error=ValueError("oops"))))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.sleep(1)
        task.cancel()  # `a` is cleaning up: it isn't disturbed
        assert not task.done()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    tidy, driven = Tidy(), Driven()
    assert driven.run(main())
    assert tidy.seen == ["b cancelled", "a cancelled"] and driven.loop.now_ms == 3000
    assert [str(error["exception"]) for error in driven.errors] == ["oops"]


def test_a_race_cancelled_while_its_losers_clean_up_is_cancelled() -> None:
    async def main() -> bool:
        task = asyncio.create_task(race(tidy.sleep(1, "a"), tidy.sleep(9, "b", cleanup=5)))
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    tidy = Tidy()
    assert run(main())
    assert tidy.seen == ["a done", "b cancelled"]


def test_a_timeout_around_a_race() -> None:
    async def main() -> str:
        try:
            async with asyncio.timeout(1):
                return await race(tidy.sleep(8, "a"), tidy.sleep(9, "b"))
        except TimeoutError:
            return "timed out"

    tidy = Tidy()
    assert run(main()) == "timed out"
    assert tidy.seen == ["a cancelled", "b cancelled"]


def test_a_race_that_is_put_away_awaits_nothing_more() -> None:
    driven = Driven()
    driven.begin(race(asyncio.sleep(1), asyncio.sleep(2)))
    driven.put_away()
    assert driven.errors == []


def test_a_failure_leaves_no_circle() -> None:
    class Mark:
        """Lives as long as the failing task's frame."""

    async def failing() -> None:
        mark = Mark()
        marks.append(weakref.ref(mark))
        await asyncio.sleep(1)
        raise KeyError

    async def main() -> None:
        with pytest.raises(KeyError):
            await race(failing(), asyncio.sleep(2))

    marks: list[weakref.ref[Mark]] = []
    gc.collect()
    gc.disable()
    try:
        run(main())
        assert marks[0]() is None
    finally:
        gc.enable()


@pytest.mark.anyio
async def test_it_works_on_any_loop() -> None:
    event, never = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(race(event.wait(), never.wait()))
    await asyncio.sleep(0)
    event.set()
    assert await task is True
