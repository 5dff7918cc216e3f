"""perdure's `wait` and `as_completed`, on perdure's loop and on asyncio's own."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure.errors import ArgumentsInvalid, DurationInvalid
from perdure.model.duration import Duration
from perdure.replay.waiting import as_completed, wait
from tests.replay.driven import Driven, run


async def slow(delay: float, result: Any) -> Any:
    await asyncio.sleep(delay)
    if isinstance(result, Exception):
        raise result
    return result


def tasks(*delays: float) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(slow(delay, delay), name=str(delay)) for delay in delays]


def names(futures: list[Any]) -> list[str]:
    return [task.get_name() for task in futures]


# -- wait


def test_done_is_in_order_of_completion_and_pending_as_given() -> None:
    async def main() -> list[list[str]]:
        done, pending = await wait(tasks(5, 3, 1, 4, 2, 9, 7), timeout=5.5)
        return [names(done), names(pending)]

    driven = Driven()
    assert driven.run(main()) == [["1", "2", "3", "4", "5"], ["9", "7"]]
    assert driven.loop.now_ms == 5500


def test_wait_for_all_by_default() -> None:
    async def main() -> list[list[str]]:
        done, pending = await wait(tasks(2, 1), timeout="1h")
        return [names(done), names(pending)]

    driven = Driven()
    assert driven.run(main()) == [["1", "2"], []]
    assert [timer.due_ms for timer in driven.timers if timer.is_timeout and timer.released] == [3_600_000]


def test_wait_for_the_first() -> None:
    async def main() -> list[list[str]]:
        done, pending = await wait(tasks(3, 1, 2), return_when=asyncio.FIRST_COMPLETED)
        return [names(done), names(pending)]

    assert run(main()) == [["1"], ["3", "2"]]


def test_wait_leaves_nothing_behind_on_what_is_pending() -> None:
    async def main() -> Any:
        _, [pending] = await wait(tasks(1, 2), return_when=asyncio.FIRST_COMPLETED)
        return pending._callbacks

    assert run(main()) is None


def test_wait_for_the_first_failure() -> None:
    async def main() -> list[list[str]]:
        failing = asyncio.create_task(slow(2, KeyError()), name="failing")
        cancelled = asyncio.create_task(slow(9, 9), name="cancelled")
        asyncio.get_running_loop().call_later(1.5, cancelled.cancel)
        done, pending = await wait([*tasks(3, 1), failing, cancelled], return_when=asyncio.FIRST_EXCEPTION)
        assert isinstance(failing.exception(), KeyError)
        return [names(done), names(pending)]

    driven = Driven()
    assert driven.run(main()) == [["1", "cancelled", "failing"], ["3"]]
    assert driven.errors == []


def test_those_already_done_come_first_as_given() -> None:
    async def main() -> list[list[str]]:
        given = tasks(2, 1, 3)
        await asyncio.sleep(2.5)
        enough, _ = await wait(given, return_when=asyncio.FIRST_COMPLETED)
        done, _ = await wait(given)
        nothing_new, _ = await wait(given)
        return [names(enough), names(done), names(nothing_new)]

    assert run(main()) == [["2", "1"], ["2", "1", "3"], ["2", "1", "3"]]


def test_those_that_finish_before_it_goes_on_are_done() -> None:
    async def passes(event: asyncio.Event, number: int) -> None:
        await event.wait()
        for _ in range(number):
            await asyncio.sleep(0)

    async def main() -> list[list[str]]:
        event = asyncio.Event()
        given = [asyncio.create_task(passes(event, number), name=str(number)) for number in (0, 1, 0, 2)]
        await asyncio.sleep(0)
        event.set()
        done, pending = await wait(given, return_when=asyncio.FIRST_COMPLETED)
        return [names(done), names(pending)]

    assert run(main()) == [["0", "0", "1"], ["2"]]


@pytest.mark.parametrize("timeout", [1.5, "1500ms", timedelta(seconds=1.5)])
def test_a_timeout_is_a_duration(timeout: Duration) -> None:
    async def main() -> list[str]:
        given = tasks(1, 2)
        done, pending = await wait(given, timeout=timeout)
        assert not pending[0].cancelled()
        return names(done)

    driven = Driven()
    assert driven.run(main()) == ["1"]
    assert [timer.due_ms for timer in driven.timers if timer.is_timeout] == [1500]


def test_no_time_at_all_is_a_look_without_a_timer() -> None:
    async def main() -> list[int]:
        ready = asyncio.create_task(asyncio.sleep(0))
        done, pending = await wait([ready, *tasks(1)], timeout=0)
        return [len(done), len(pending)]

    driven = Driven()
    assert driven.run(main()) in ([1, 1], [0, 2])
    assert not any(timer.is_timeout for timer in driven.timers)


def test_coroutines_become_tasks_in_the_order_given() -> None:
    async def place() -> str:
        return asyncio.get_running_loop().current_place().path  # type: ignore[attr-defined]

    async def main() -> list[str]:
        done, _ = await wait([place(), place(), place()])
        return [task.result() for task in done]

    assert run(main()) == ["0.1", "0.2", "0.3"]


def test_cancelling_a_wait_cancels_no_task() -> None:
    async def main() -> list[Any]:
        given = tasks(2, 3)
        waiting = asyncio.create_task(wait(given, timeout=60))
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return await asyncio.gather(*given)

    driven = Driven()
    assert driven.run(main()) == [2, 3]
    assert [timer.released for timer in driven.timers if timer.is_timeout] == [1]


async def refused(verb: Any, *arguments: Any, **options: Any) -> str:
    try:
        await verb(*arguments, **options)
    except (ArgumentsInvalid, DurationInvalid) as error:
        return str(error)
    return "accepted"


def test_what_wait_refuses() -> None:
    async def main() -> list[str]:
        task, coroutine = asyncio.create_task(asyncio.sleep(1)), asyncio.sleep(1)
        try:
            return [
                await refused(wait, []),
                await refused(wait, task),
                await refused(wait, [task, "text"]),
                await refused(wait, {coroutine}),
                await refused(wait, [task], return_when="SOMETIME"),
                await refused(wait, [task], timeout="soon"),
                await refused(wait, {task}),
            ]
        finally:
            coroutine.close()

    assert run(main()) == [
        "the arguments don't fit wait: it needs at least one awaitable",
        "the arguments don't fit wait: it takes a list of awaitables, not one Task",
        "the arguments don't fit wait: number 2 is of type str: it can't be awaited",
        "the arguments don't fit wait: a set of coroutines has no order that a replay could repeat: pass a list",
        "the arguments don't fit wait: return_when='SOMETIME' is none of "
        "ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION",
        "'soon' is no duration: its units are not ms, s, m, h, d or w after a number; write seconds as a number, "
        "a text like '1h30m', a timedelta, or a datetime with a time zone",
        "accepted",
    ]


# -- as_completed


def test_async_for_gives_the_tasks_themselves_as_they_finish() -> None:
    async def main() -> list[Any]:
        given = tasks(3, 1, 2)
        finished = [task async for task in as_completed(given)]
        assert finished == [given[1], given[2], given[0]]
        return names(finished)

    assert run(main()) == ["1", "2", "3"]


def test_for_gives_awaitables_of_the_results_in_order() -> None:
    async def main() -> list[Any]:
        seen: list[Any] = []
        for finished in as_completed([slow(3, "c"), slow(1, "a"), slow(2, KeyError("b"))]):
            try:
                seen.append(await finished)
            except KeyError as error:
                seen.append(error.args[0])
        return seen

    assert run(main()) == ["a", "b", "c"]


def test_at_the_timeout_what_is_left_raises_timeout_error() -> None:
    async def main() -> list[Any]:
        given, seen = tasks(1, 9, 8), []
        with pytest.raises(TimeoutError):
            async for task in as_completed(given, timeout="2s"):
                seen.append(task.result())
        for finished in as_completed(given, timeout=2):
            try:
                seen.append(await finished)
            except TimeoutError:
                seen.append("late")
        return [*seen, [task.done() for task in given]]

    driven = Driven()
    assert driven.run(main()) == [1, 1, "late", "late", [True, False, False]]
    assert driven.loop.now_ms == 4000


def test_a_timeout_that_was_not_needed_is_released() -> None:
    async def main() -> list[Any]:
        return [task.result() async for task in as_completed(tasks(2, 1), timeout=60)]

    driven = Driven()
    assert driven.run(main()) == [1, 2]
    assert [timer.released for timer in driven.timers if timer.is_timeout] == [1]


def test_the_end_of_all_tasks_and_nothing_at_all() -> None:
    async def main() -> list[Any]:
        return [list(as_completed([], timeout=1)), [task async for task in as_completed([])]]

    driven = Driven()
    assert driven.run(main()) == [[], []]
    assert driven.timers == []


def test_its_coroutines_become_tasks_in_the_order_given() -> None:
    async def place() -> str:
        return asyncio.get_running_loop().current_place().path  # type: ignore[attr-defined]

    async def main() -> list[str]:
        return [await finished for finished in as_completed([place(), place(), place()])]

    assert run(main()) == ["0.1", "0.2", "0.3"]


def test_what_as_completed_refuses() -> None:
    async def main() -> list[str]:
        async def begin(*arguments: Any, **options: Any) -> None:
            as_completed(*arguments, **options)

        return [
            await refused(begin, asyncio.create_task(asyncio.sleep(1))),
            await refused(begin, [5]),
            await refused(begin, [], timeout=-1),
        ]

    assert run(main()) == [
        "the arguments don't fit as_completed: it takes a list of awaitables, not one Task",
        "the arguments don't fit as_completed: number 1 is of type int: it can't be awaited",
        "-1 is no duration: it is negative; write seconds as a number, a text like '1h30m', a timedelta, "
        "or a datetime with a time zone",
    ]


@pytest.mark.anyio
async def test_they_work_on_any_loop() -> None:
    first, second = asyncio.Event(), asyncio.Event()
    given = [asyncio.create_task(second.wait(), name="b"), asyncio.create_task(first.wait(), name="a")]
    asyncio.get_running_loop().call_soon(first.set)
    done, pending = await wait(given, timeout=60, return_when=asyncio.FIRST_COMPLETED)
    assert [names(done), names(pending)] == [["a"], ["b"]]
    second.set()
    done, pending = await wait(given)
    assert [names(done), names(pending)] == [["a", "b"], []]
    assert names([task async for task in as_completed(given)]) == ["b", "a"]
