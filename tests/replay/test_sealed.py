"""What a replay could not repeat is refused, with the line and the way out."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from perdure.errors import DeterminismError
from perdure.replay.loop import Loop
from tests.replay.driven import Driven, run

REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "to_thread": (
        lambda: asyncio.to_thread(print),
        "using a thread (loop.run_in_executor)",
        "move it to a step; a sync step gets a thread",
    ),
    "open_connection": (
        lambda: asyncio.open_connection("localhost", 1),
        "using the network (loop.create_connection)",
        "move it to a step",
    ),
    "start_server": (
        lambda: asyncio.start_server(print, "localhost", 1),
        "using the network (loop.create_server)",
        "move it to a step",
    ),
    "create_subprocess_exec": (
        lambda: asyncio.create_subprocess_exec("true"),
        "starting a process (loop.subprocess_exec)",
        "move it to a step",
    ),
    "create_subprocess_shell": (
        lambda: asyncio.create_subprocess_shell("true"),
        "starting a process (loop.subprocess_shell)",
        "move it to a step",
    ),
    "getaddrinfo": (
        lambda: asyncio.get_running_loop().getaddrinfo("localhost", 1),
        "using the network (loop.getaddrinfo)",
        "move it to a step",
    ),
    "add_reader": (
        lambda: asyncio.get_running_loop().add_reader(0, print),
        "watching a file descriptor (loop.add_reader)",
        "move it to a step",
    ),
    "connect_read_pipe": (
        lambda: asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, sys.stdin),
        "using a pipe (loop.connect_read_pipe)",
        "move it to a step",
    ),
    "add_signal_handler": (
        lambda: asyncio.get_running_loop().add_signal_handler(2, print),
        "handling a signal (loop.add_signal_handler)",
        "let the worker's process handle it",
    ),
    "run_until_complete": (
        lambda: asyncio.get_running_loop().run_until_complete(asyncio.Future()),
        "driving the event loop (loop.run_until_complete)",
        "await instead",
    ),
    "stop": (lambda: asyncio.get_running_loop().stop(), "driving the event loop (loop.stop)", "await instead"),
    "set_exception_handler": (
        lambda: asyncio.get_running_loop().set_exception_handler(None),
        "replacing the exception handler (loop.set_exception_handler)",
        "catch exceptions where they are awaited",
    ),
    "set_task_factory": (
        lambda: asyncio.get_running_loop().set_task_factory(lambda loop, coro: asyncio.Task(coro, loop=loop)),  # type: ignore[misc]
        "replacing the task factory (loop.set_task_factory)",
        "leave the loop as it is",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_replay_could_not_repeat_is_refused(name: str, caplog: pytest.LogCaptureFixture) -> None:
    act, what, advice = REFUSED[name]

    async def main() -> None:
        answer = act()
        if asyncio.iscoroutine(answer):
            await answer

    with pytest.raises(DeterminismError) as caught, caplog.at_level(logging.ERROR, "perdure"):
        run(main())
    error = caught.value
    assert (error.what, error.advice) == (what, advice)
    at = [main.__code__.co_firstlineno + 1, main.__code__.co_firstlineno + 3, act.__code__.co_firstlineno]
    assert error.line in [f"{__file__}:{line}" for line in at]
    assert str(error) == (f"{what} in a workflow's body, at {error.line}: a replay would not see the same; {advice}")
    assert [record.getMessage() for record in caplog.records if record.name == "perdure"] == [str(error)]


def test_a_refusal_can_be_caught() -> None:
    async def main() -> str:
        try:
            await asyncio.to_thread(print)
        except DeterminismError:
            return "caught"
        return "done"

    assert run(main()) == "caught"


def test_every_method_of_asyncios_loop_has_an_answer() -> None:
    asked = {name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("__")}
    unanswered = {name for name in asked if getattr(Loop, name) is getattr(asyncio.AbstractEventLoop, name)}
    assert unanswered <= {"slow_callback_duration"}


def test_call_soon_threadsafe_is_for_the_body_alone() -> None:
    began, loops, seen = threading.Event(), list[asyncio.AbstractEventLoop](), list[Any]()

    def elsewhere() -> None:
        began.wait()
        try:
            loops[0].call_soon_threadsafe(seen.append, "from outside")
        except DeterminismError as error:
            seen.append(error.what)

    thread = threading.Thread(target=elsewhere)
    thread.start()

    async def main() -> list[Any]:
        loop = asyncio.get_running_loop()
        loops.append(loop)
        began.set()
        thread.join()
        loop.call_soon_threadsafe(seen.append, "from inside")
        await asyncio.sleep(0)
        return seen

    assert run(main()) == ["a call from another thread (loop.call_soon_threadsafe)", "from inside"]


def test_small_questions_have_answers() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert loop.get_debug() is False and not loop.is_closed() and loop.is_running()
        loop.set_debug(True)
        assert loop.get_debug() is False
        assert loop.get_exception_handler() is None and loop.get_task_factory() is None
        loop.set_task_factory(None)
        await loop.shutdown_asyncgens()
        await loop.shutdown_default_executor()
        loop.default_exception_handler({"message": "hello"})

    driven = Driven()
    driven.run(main())
    assert driven.errors == [{"message": "hello"}]
    assert driven.loop.is_closed()
