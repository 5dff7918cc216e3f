"""Tasks as members of sets, and bodies thrown away while they wait."""

import asyncio
import gc
import os
import subprocess
import sys
import weakref
from collections.abc import AsyncIterator
from contextvars import Context, ContextVar
from typing import Any

import pytest

from perdure.replay.control import BodyClosed
from perdure.replay.task import Future, Task
from tests.replay.driven import Driven, silence

BODY: ContextVar[object] = ContextVar("body")


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


# -- members of sets


def test_tasks_and_futures_are_numbered_per_loop_on_top_of_the_salt() -> None:
    driven = Driven(salt=1000)
    with driven.loop.running():
        futures = [driven.loop.create_future() for _ in range(2)]
        main = driven.loop.create_main(for_ever())
        tasks = [driven.loop.create_task(for_ever()) for _ in range(2)]
    assert [hash(future) for future in futures] == [1001, 1002]
    assert [hash(task) for task in (main, *tasks)] == [1001, 1002, 1003]
    assert isinstance(futures[0], Future) and isinstance(main, Task)
    driven.put_away()


def test_a_handle_is_as_asyncios() -> None:
    driven, seen = Driven(), list[str]()
    context = Context()
    kept = driven.loop.call_soon(seen.append, "kept", context=context)
    dropped = driven.loop.call_soon(seen.append, "dropped")
    real = asyncio.Handle(seen.append, ("kept",), driven.loop)
    assert (repr(kept), kept.cancelled(), kept.get_context()) == (repr(real), False, context)
    dropped.cancel()
    dropped.cancel()
    real.cancel()
    assert (repr(dropped), dropped.cancelled()) == (repr(real), True)
    assert len({kept, dropped}) == 2
    driven.rest()
    assert seen == ["kept"]


def test_a_task_is_equal_to_itself_only() -> None:
    one, two = Driven(salt=7), Driven(salt=7)
    first, second = one.begin(for_ever()), two.begin(for_ever())
    assert hash(first) == hash(second) and first != second
    assert len({first, second, first}) == 2
    one.put_away()
    two.put_away()


# -- put away


def test_cleanup_runs_but_gets_nothing_it_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[Any] = []

    async def child(name: str) -> None:
        try:
            await for_ever()
        finally:
            seen.append(name)
            try:
                await asyncio.sleep(1)
            except BodyClosed:
                seen.append("refused")
                raise

    async def main() -> None:
        asyncio.create_task(child("one"))  # noqa: RUF006
        await child("main")

    driven = Driven()
    driven.begin(main())
    driven.refuse = BodyClosed()
    with silence(capsys):
        driven.put_away()
    assert seen == ["main", "refused", "one", "refused"]
    assert driven.errors == []
    driven.rest()
    driven.put_away()
    assert len(seen) == 4


def test_cleanup_runs_in_the_context_of_its_task() -> None:
    """Elsewhere a step in a `finally` block would think itself outside of a run, and act."""
    seen: list[object] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append(BODY.get("none"))

    async def child() -> None:
        try:
            await for_ever()
        finally:
            seen.append(BODY.get("none"))

    async def main() -> None:
        kept.append(numbers())
        await anext(kept[0])
        asyncio.create_task(child())  # noqa: RUF006
        await child()

    kept: list[AsyncIterator[int]] = []
    context = Context()
    context.run(BODY.set, "the body")
    driven = Driven()
    driven.begin(main(), context)
    driven.put_away()
    assert seen == ["the body"] * 3


def test_cleanup_that_awaits_is_cut_off_at_each_await(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[int] = []

    async def main() -> None:
        try:
            await for_ever()
        finally:
            try:
                seen.append(1)
                await for_ever()
            finally:
                seen.append(2)
                await for_ever()
                seen.append(3)

    driven = Driven()
    driven.begin(main())
    with silence(capsys):
        driven.put_away()
    assert seen == [1, 2]


def test_a_body_that_never_gives_up_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    tries = 0

    async def main() -> None:
        nonlocal tries
        while True:
            try:
                await for_ever()
            except BaseException:
                tries += 1

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await main()

    async def stubborn() -> None:
        kept.append(numbers())
        await anext(kept[0])
        await main()

    kept: list[AsyncIterator[int]] = []
    driven = Driven()
    driven.begin(stubborn())
    with silence(capsys):
        driven.put_away()
        kept.clear()
    assert tries == 200


def test_groups_timeouts_and_locks_are_put_away(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    async def child(lock: asyncio.Lock) -> None:
        try:
            async with asyncio.timeout(60), lock:
                await asyncio.sleep(60)
        finally:
            seen.append("child")

    async def main() -> None:
        lock = asyncio.Lock()
        try:
            async with asyncio.TaskGroup() as outer, asyncio.TaskGroup() as inner:
                for group in (outer, inner):
                    group.create_task(child(lock))
                await asyncio.wait_for(asyncio.gather(child(lock), for_ever()), 60)
        finally:
            seen.append("main")

    driven = Driven()
    driven.begin(main())
    driven.refuse = BodyClosed()
    with silence(capsys):
        driven.put_away()
    assert sorted(seen) == ["child", "child", "child", "main"] and driven.errors == []


def test_a_body_that_is_put_away_sees_no_failure() -> None:
    """Closing a coroutine would show it "coroutine ignored GeneratorExit" where a task group waits for its children."""
    seen: list[BaseException] = []

    async def main() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(for_ever())
        except Exception as error:
            seen.append(error)
            raise

    driven = Driven()
    driven.begin(main())
    driven.put_away()
    assert seen == []


def test_what_cleanup_starts_never_runs(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    async def late() -> None:
        seen.append("late")

    async def main() -> None:
        try:
            await for_ever()
        finally:
            asyncio.create_task(late())  # noqa: RUF006
            asyncio.get_running_loop().call_soon(seen.append, "called")
            await asyncio.gather(*(late() for _ in range(100)))

    driven = Driven()
    driven.begin(main())
    with silence(capsys):
        driven.put_away()
        driven.rest()
    assert seen == []


def test_tasks_that_never_began_are_put_away(capsys: pytest.CaptureFixture[str]) -> None:
    driven = Driven()
    with silence(capsys):
        with driven.loop.running():
            driven.loop.create_main(for_ever())
            driven.loop.create_task(for_ever())
        driven.put_away()


def test_coroutines_that_the_body_had_yet_to_await_cause_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> None:
        later = [for_ever(), for_ever()]
        await for_ever()
        await later[0]

    driven = Driven()
    driven.begin(main())
    with silence(capsys):
        driven.put_away()


def test_a_coroutine_that_a_body_forgets_to_await_still_causes_one() -> None:
    async def main() -> None:
        for_ever()  # type: ignore[unused-coroutine]  # noqa: RUF100

    driven = Driven()
    with pytest.warns(RuntimeWarning, match="coroutine 'for_ever' was never awaited"):
        driven.run(main())


def test_a_failure_that_the_body_may_still_look_at_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    async def failing() -> None:
        raise ValueError

    async def main() -> None:
        task = asyncio.create_task(failing())
        future = asyncio.get_running_loop().create_future()
        future.set_exception(ValueError())
        await for_ever()
        await task
        await future

    driven = Driven()
    driven.begin(main())
    with silence(capsys):
        driven.put_away()
    assert driven.errors == []


def test_async_generators_are_put_away(capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []

    async def numbers(name: str) -> AsyncIterator[int]:
        try:
            yield 1
            await for_ever()
        finally:
            seen.append(name)
            await asyncio.sleep(1)

    async def main() -> None:
        kept.append(numbers("kept"))
        await anext(kept[0])
        async for _ in numbers("iterated"):
            pass

    kept: list[AsyncIterator[int]] = []
    driven = Driven()
    driven.begin(main())
    driven.refuse = BodyClosed()
    with silence(capsys):
        driven.put_away()
        kept.clear()
    assert seen == ["iterated", "kept"]


def test_nothing_keeps_a_body_that_was_put_away() -> None:
    class Kept:
        """What a task's context leads to."""

    async def child() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        tasks = [asyncio.create_task(child()), asyncio.create_task(for_ever())]
        await tasks[0]

    driven, context, kept = Driven(), Context(), Kept()
    context.run(BODY.set, kept)
    found, loop = weakref.ref(kept), weakref.ref(driven.loop)
    gc.collect()
    gc.disable()  # only what no circle holds goes by itself
    try:
        task = weakref.ref(driven.begin(main(), context))
        driven.put_away()
        del driven, context, kept
        assert task() is None and found() is None and loop() is None
    finally:
        gc.enable()


FOR_EVER = """
import asyncio
from tests.replay.driven import Driven

async def main():
    while True:
        try:
            await asyncio.get_running_loop().create_future()
        except BaseException:
            pass

driven = Driven()
driven.begin(main())
driven.put_away()
del driven
"""

LEFT_BEHIND = """
import asyncio
from contextvars import Context, ContextVar
from tests.replay.driven import Driven

body = ContextVar("body")

async def main():
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        print("ended in", body.get("no body at all"))

context = Context()
context.run(body.set, "its body")
driven = Driven()
driven.begin(main(), context)
"""


def test_a_body_left_behind_at_the_end_of_the_process_ends_in_its_context() -> None:
    assert output_of(LEFT_BEHIND) == "ended in its body\n"


def test_a_body_that_never_gives_up_does_not_keep_the_process() -> None:
    assert output_of(FOR_EVER) == ""


def output_of(program: str) -> str:
    """What a process of its own prints, standard error too."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, os.getcwd()])}
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout + ended.stderr
