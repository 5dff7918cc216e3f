"""asyncio on perdure's loop: what it builds on a loop just works, with timers that are durable."""

import asyncio
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from tests.replay.driven import Driven, run

COLOUR: ContextVar[str] = ContextVar("colour", default="none")


async def slow(delay: float, result: Any) -> Any:
    await asyncio.sleep(delay)
    if isinstance(result, Exception):
        raise result
    return result


def test_sleep_gives_its_result_at_its_time() -> None:
    async def main() -> tuple[str, float]:
        return await asyncio.sleep(2.5, "woken"), asyncio.get_running_loop().time()

    assert run(main()) == ("woken", 2.5)


def test_sleep_of_nothing_opens_no_timer() -> None:
    driven = Driven()
    driven.run(asyncio.sleep(0))
    assert driven.timers == []


def test_gather_gives_results_in_order() -> None:
    async def main() -> list[int]:
        return await asyncio.gather(slow(3, 1), slow(1, 2), slow(2, 3))

    driven = Driven()
    assert driven.run(main()) == [1, 2, 3]
    assert driven.loop.now_ms == 3000


def test_gather_raises_the_first_failure_and_returns_them_all_if_asked() -> None:
    async def main() -> list[Any]:
        with pytest.raises(ValueError, match="b"):
            await asyncio.gather(slow(3, 1), slow(2, KeyError("a")), slow(1, ValueError("b")), return_exceptions=False)
        return await asyncio.gather(slow(2, 1), slow(1, KeyError("a")), return_exceptions=True)

    one, two = run(main())
    assert one == 1 and isinstance(two, KeyError)


def test_a_cancelled_gather_cancels_its_children() -> None:
    async def main() -> bool:
        child = asyncio.create_task(slow(5, 1))
        both = asyncio.gather(child, slow(6, 2))
        await asyncio.sleep(1)
        both.cancel()
        with pytest.raises(asyncio.CancelledError):
            await both
        return child.cancelled()

    driven = Driven()
    assert driven.run(main())
    assert [timer.released for timer in driven.timers] == [0, 1, 1]


def test_a_task_group_cancels_the_others_and_raises_a_group() -> None:
    seen: list[str] = []

    async def careful(name: str) -> None:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append(name)
            raise

    async def main() -> list[str]:
        try:
            async with asyncio.TaskGroup() as group:
                for name in "abcdefgh":
                    group.create_task(careful(name))
                group.create_task(slow(1, ValueError("one")))
                group.create_task(slow(1, KeyError("two")))
        except* ValueError as group_of:
            seen.append(str(group_of.exceptions[0]))
        return seen

    assert run(main()) == [*"abcdefgh", "one"]


def test_a_timeout_ends_what_takes_too_long() -> None:
    async def main() -> tuple[str, bool]:
        async with asyncio.timeout(10) as roomy:
            inner = await slow(1, "in time")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await slow(5, "too late")
        return inner, roomy.expired()

    driven = Driven()
    assert driven.run(main()) == ("in time", False)
    assert [(timer.due_ms, timer.is_timeout, timer.released) for timer in driven.timers] == [
        (10_000, True, 1), (1000, False, 0), (2000, True, 0), (6000, False, 1),
    ]  # fmt: skip


def test_a_timeout_can_be_moved_and_be_over_at_once() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as moved:
                moved.reschedule(loop.time() + 4)
                await asyncio.sleep(9)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout_at(loop.time() - 1):
                await asyncio.sleep(9)
        return loop.time()

    assert run(main()) == 4


def test_nested_timeouts_tell_whose_it_was() -> None:
    async def main() -> str:
        try:
            async with asyncio.timeout(1):
                try:
                    async with asyncio.timeout(5):
                        await asyncio.sleep(9)
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return "none"

    assert run(main()) == "outer"


def test_wait_for_gives_results_failures_and_timeouts() -> None:
    async def main() -> str:
        assert await asyncio.wait_for(slow(1, "in time"), 2) == "in time"
        assert await asyncio.wait_for(slow(1, "any time"), None) == "any time"
        with pytest.raises(KeyError):
            await asyncio.wait_for(slow(1, KeyError()), 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(3, "too late"), 2)
        return "done"

    driven = Driven()
    assert driven.run(main()) == "done"
    assert driven.loop.now_ms == 5000


def test_shield_lets_a_task_go_on() -> None:
    async def main() -> tuple[str, bool]:
        task = asyncio.create_task(slow(5, "kept"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 1)
        return await task, task.cancelled()

    assert run(main()) == ("kept", False)


def test_cancellation_reaches_the_await_and_can_be_answered() -> None:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as error:
            await asyncio.sleep(1)
            return f"cleaned up after {error}"
        return "slept"

    async def main() -> str:
        task = asyncio.create_task(stubborn())
        await asyncio.sleep(1)
        task.cancel("too long")
        return await task

    assert run(main()) == "cleaned up after too long"


def test_an_event_wakes_all_who_wait() -> None:
    async def main() -> list[bool]:
        event = asyncio.Event()
        waiting = [asyncio.create_task(event.wait()) for _ in range(3)]
        await asyncio.sleep(1)
        event.set()
        return [await task for task in waiting]

    assert run(main()) == [True, True, True]


def test_a_lock_is_taken_in_turn() -> None:
    seen: list[int] = []

    async def take(lock: asyncio.Lock, number: int) -> None:
        async with lock:
            await asyncio.sleep(5 - number)
            seen.append(number)

    async def main() -> None:
        lock = asyncio.Lock()
        await asyncio.gather(*(take(lock, number) for number in range(5)))

    run(main())
    assert seen == [0, 1, 2, 3, 4]


def test_a_semaphore_lets_so_many_in() -> None:
    most, inside = 0, 0

    async def enter(semaphore: asyncio.Semaphore) -> None:
        nonlocal most, inside
        async with semaphore:
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(1)
            inside -= 1

    async def main() -> None:
        semaphore = asyncio.BoundedSemaphore(3)
        async with asyncio.TaskGroup() as group:
            for _ in range(10):
                group.create_task(enter(semaphore))

    driven = Driven()
    driven.run(main())
    assert most == 3 and driven.loop.now_ms == 4000


def test_a_condition_and_a_barrier() -> None:
    async def main() -> list[Any]:
        condition, items = asyncio.Condition(), []

        async def wait_for_two() -> list[int]:
            async with condition:
                await condition.wait_for(lambda: len(items) == 2)
                return items

        async def put(item: int) -> None:
            await asyncio.sleep(item)
            async with condition:
                items.append(item)
                condition.notify_all()

        barrier = asyncio.Barrier(2)
        found, *_ = await asyncio.gather(wait_for_two(), put(1), put(2))
        return [found, sorted(await asyncio.gather(barrier.wait(), barrier.wait()))]

    assert run(main()) == [[1, 2], [0, 1]]


def test_queues() -> None:
    async def produce(queue: asyncio.Queue[int]) -> None:
        for number in (3, 1, 2):
            await queue.put(number)
            await asyncio.sleep(1)

    async def main() -> list[list[int]]:
        taken: list[list[int]] = []
        for queue in (asyncio.Queue[int](1), asyncio.PriorityQueue[int](), asyncio.LifoQueue[int]()):
            producer = asyncio.create_task(produce(queue))
            await asyncio.sleep(5 if queue.maxsize == 0 else 0)
            taken.append([await queue.get() for _ in range(3)])
            await producer
            for _ in range(3):
                queue.task_done()
            await queue.join()
        return taken

    assert run(main()) == [[3, 1, 2], [1, 2, 3], [2, 1, 3]]


def test_asyncio_wait_works_on_tasks() -> None:
    async def main() -> tuple[list[int], int]:
        tasks = [asyncio.create_task(slow(number, number)) for number in (1, 2, 3)]
        done, pending = await asyncio.wait(tasks, timeout=2.5)
        return sorted(task.result() for task in done), len(pending)

    assert run(main()) == ([1, 2], 1)


def test_tasks_see_the_context_they_were_made_in() -> None:
    async def colour() -> str:
        await asyncio.sleep(1)
        return COLOUR.get()

    async def main() -> list[str]:
        COLOUR.set("red")
        red = asyncio.create_task(colour())
        COLOUR.set("blue")
        blue = asyncio.create_task(colour())
        context = copy_context()
        context.run(COLOUR.set, "green")
        green = asyncio.create_task(colour(), context=context)
        async with asyncio.TaskGroup() as group:
            grouped = group.create_task(colour(), context=context)
        return [await red, await blue, await green, grouped.result()]

    assert run(main()) == ["red", "blue", "green", "green"]
    assert COLOUR.get() == "none"


def test_task_names_are_the_same_in_every_run() -> None:
    async def name() -> str:
        task = asyncio.current_task()
        assert task is not None
        return task.get_name()

    async def main() -> list[str]:
        return [await name(), await asyncio.create_task(name()), await asyncio.create_task(name(), name="mine")]

    assert run(main()) == run(main()) == ["main", "Task-2", "mine"]


def test_done_callbacks_run_in_order_with_their_task() -> None:
    async def main() -> list[Any]:
        seen: list[Any] = []
        task = asyncio.create_task(slow(1, "result"))
        task.add_done_callback(lambda done: seen.append(done.result()))
        task.add_done_callback(lambda done: seen.append(done is task))
        await task
        await asyncio.sleep(0)
        return seen

    assert run(main()) == ["result", True]


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="tasks begin eagerly from Python 3.12 on")
def test_eager_tasks() -> None:
    async def main() -> list[Any]:
        loop: Any = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        assert loop.get_task_factory() is asyncio.eager_task_factory  # type: ignore[attr-defined]

        async def where() -> str:
            return loop.current_place().path

        done = asyncio.create_task(where())
        running = asyncio.create_task(slow(1, "slow"))
        async with asyncio.TaskGroup() as group:
            grouped = group.create_task(where())
        return [done.done(), await done, await running, grouped.result(), await asyncio.gather(where(), where())]

    assert run(main()) == [True, "0.1", "slow", "0.3", ["0.4", "0.5"]]


def test_async_generators_work() -> None:
    seen: list[str] = []

    async def numbers() -> Any:
        try:
            for number in range(10):
                await asyncio.sleep(1)
                yield number
        finally:
            await asyncio.sleep(1)
            seen.append("closed")

    async def main() -> int:
        total = 0
        generator = numbers()
        async for number in generator:
            total += number
            if number == 4:
                break
        await generator.aclose()
        return total

    assert run(main()) == 10 and seen == ["closed"]
