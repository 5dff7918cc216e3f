"""Where in the task tree tasks and requests stand: the same whatever Python makes of `wait_for`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from perdure.errors import DeterminismError
from tests.replay.driven import Driven, run


async def place() -> str:
    return asyncio.get_running_loop().current_place().path  # type: ignore[attr-defined]


def test_each_task_numbers_the_tasks_that_it_creates() -> None:
    async def parent() -> list[str]:
        return [await place(), *await asyncio.gather(place(), place())]

    async def main() -> list[Any]:
        async with asyncio.TaskGroup() as group:
            one, two = group.create_task(parent()), group.create_task(parent())
        return [await place(), one.result(), two.result(), await asyncio.create_task(place())]

    assert run(main()) == ["0", ["0.1", "0.1.1", "0.1.2"], ["0.2", "0.2.1", "0.2.2"], "0.3"]


def test_a_task_made_by_a_plain_callback_stands_beside_the_tree() -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        made: list[asyncio.Task[str]] = []
        loop.call_soon(lambda: made.append(loop.create_task(place())))
        loop.call_soon(lambda: made.append(loop.create_task(place())))
        await asyncio.sleep(0)
        return [await task for task in made]

    assert run(main()) == ["~.1", "~.2"]


class Hook:
    """Awaitable, but no coroutine."""

    def __await__(self) -> Any:
        return place().__await__()


def keys_of(main: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
    driven = Driven()
    return [driven.run(main()), [timer.key for timer in driven.timers]]


async def work() -> list[str]:
    """Asks for a few things, directly and in a task."""
    await asyncio.sleep(1)
    return [await place(), *await asyncio.gather(place(), place())]


def test_wait_for_makes_the_keys_that_later_pythons_make() -> None:
    """From Python 3.12 on wait_for makes no task: it is what `with_timeout` is."""

    async def with_wait_for() -> Any:
        before = await asyncio.create_task(place())
        inner = await asyncio.wait_for(work(), 60)
        hook = await asyncio.wait_for(Hook(), 60)
        nested = await asyncio.wait_for(asyncio.wait_for(work(), 50), 60)
        return before, inner, hook, nested, await asyncio.create_task(place())

    async def with_timeout() -> Any:
        before = await asyncio.create_task(place())
        async with asyncio.timeout(60):
            inner = await work()
        async with asyncio.timeout(60):
            hook = await Hook()
        async with asyncio.timeout(60), asyncio.timeout(50):
            nested = await work()
        return before, inner, hook, nested, await asyncio.create_task(place())

    assert keys_of(with_wait_for) == keys_of(with_timeout)
    assert keys_of(with_wait_for)[0][:2] == ("0.1", ["0", "0.2", "0.3"])


def test_wait_for_of_a_task_or_a_gather_makes_no_other_keys() -> None:
    async def main() -> list[Any]:
        return [
            await asyncio.wait_for(asyncio.create_task(place()), 60),
            await asyncio.wait_for(asyncio.gather(place(), place()), 60),
            await asyncio.wait_for(asyncio.shield(place()), 60),
            await place(),
        ]

    assert run(main()) == ["0.1", ["0.2", "0.3"], "0.4", "0"]


def test_wait_for_without_time_left_never_begins() -> None:
    async def main() -> str:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work(), 0)
        return await asyncio.create_task(place())

    assert keys_of(main) == ["0.1", []]


def test_asyncio_as_completed_would_make_tasks_in_the_order_of_a_set() -> None:
    coroutine = place()

    async def main() -> None:
        for awaitable in asyncio.as_completed([coroutine]):
            await awaitable

    with pytest.raises(DeterminismError) as caught:
        run(main())
    coroutine.close()
    line = main.__code__.co_firstlineno + 1
    assert str(caught.value) == (
        f"making tasks in the order of a set (asyncio.as_completed) in a workflow's body, at {__file__}:{line}: "
        "a replay would not see the same; use perdure.as_completed"
    )
