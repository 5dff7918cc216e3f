"""The thread whose loop carries blocking calls."""

import asyncio
import os
import subprocess
import sys
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    Retry,
    WorldUnavailable,
    background,
    configure,
    get_run,
    get_step_metadata,
    list_runs,
    start,
    step,
    workflow,
)
from perdure.sync.background import BACKGROUND
from tests.sync.program import background_threads, doubles


def test_one_thread_for_all_and_none_after_close() -> None:
    results: list[int] = []
    callers = [threading.Thread(target=lambda: results.append(start(doubles, 1).result())) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert results == [2] * 8
    assert len(background_threads()) == 1
    sync.close()
    assert background_threads() == []
    sync.close()
    configure(world="memory://")
    assert start(doubles, 2).result() == 4, "the next call starts another"


def test_handles_alone_need_no_thread() -> None:
    sync.close()
    get_run("wrun_" + "0" * 26)
    list_runs()
    assert background_threads() == []


colour: ContextVar[str] = ContextVar("colour", default="none")


async def read_colour() -> str:
    return colour.get()


def test_the_callers_context_goes_along() -> None:
    colour.set("red")
    assert sync.race(read_colour()) == "red"


class Interrupted(BaseException):
    pass


def test_a_caller_that_is_interrupted_cancels_what_it_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = threading.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    real = asyncio.run_coroutine_threadsafe

    def interrupted(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        future = real(coroutine, loop)
        real(asyncio.sleep(0.001), loop).result()  # it has begun

        def raises(timeout: float | None = None) -> None:
            raise Interrupted

        monkeypatch.setattr(future, "result", raises)
        return future

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", interrupted)
    with pytest.raises(Interrupted):
        sync.race(waits())
    assert cancelled.wait(20)


SCRIPT = """
import sys, threading
from perdure.sync import StartOptions, configure, sleep, start, step, workflow
import perdure

@step
def greet(name: str) -> str:
    return f"hello {name}"

@workflow
async def hello(name: str) -> str:
    await perdure.sleep("1h")
    return await greet(name)

configure(world="sqlite:///runs.db")
run = start(hello, "Ann", options=StartOptions(idempotency_key="hello"))
if len(sys.argv) > 1:
    while not run.wake_up():
        sleep("1ms")
    print(run.result())
else:
    while not run.info().waiting_for:
        sleep("1ms")
    print("asleep")
"""


def test_a_script_that_ends_without_close_hands_its_runs_back(tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(SCRIPT)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "hello.py", *arguments],
            check=False,
            cwd=tmp_path,
            env={"PYTHONPATH": str(Path(__file__).parents[2] / "src")},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert run() == "asleep\n"
    assert run("wake") == "hello Ann\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_thread_of_its_own() -> None:
    """As under a server that loads the application before it forks its workers."""
    script = """
import os, sys
from perdure.sync import configure, sleep
sleep("1ms")
child = os.fork()
if child == 0:
    os._exit(0 if sleep("1ms", result=7) == 7 else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@step(retry=Retry(delay=0.001))
def starts_another() -> list[Any]:
    child = start(doubles, 4)
    if get_step_metadata().attempt == 1:
        raise ValueError("after the start")
    return [child.run_id, child.result()]


@workflow
async def delegates() -> list[Any]:
    return await starts_another()


def test_a_sync_step_starts_a_run_and_a_retried_attempt_finds_it() -> None:
    run = start(delegates)
    child_id, result = run.result()
    assert result == 8
    assert get_run(child_id).info().parent_id == run.run_id
    assert [info.run_id for info in list_runs(workflow=doubles)] == [child_id]


def test_a_sync_step_in_another_loops_worker_uses_that_loop() -> None:
    sync.close()
    configure(world="memory://")

    async def main() -> list[Any]:
        result = await (await perdure.start(delegates)).result()
        assert background_threads() == []
        await perdure.close()
        return result

    assert asyncio.run(main())[1] == 8


# -- loops that end


async def forever() -> None:
    await asyncio.Event().wait()


def test_a_loop_that_ends_without_an_answer_leaves_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOOK_EVERY_S", 0.001)
    loop = asyncio.new_event_loop()  # it is never run, and so never answers
    waiting = threading.Event()

    def close() -> None:
        assert waiting.wait(20)
        loop.close()

    closer = threading.Thread(target=close)
    closer.start()
    real = asyncio.run_coroutine_threadsafe

    def telling(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Any:
        waiting.set()
        return real(coroutine, loop)

    monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", telling)
    coroutine = forever()
    with pytest.raises(WorldUnavailable) as caught:
        BACKGROUND.run("this", lambda: coroutine, loop)
    closer.join()
    coroutine.close()
    assert str(caught.value) == "the world can't be reached: the event loop that carried perdure.sync.this has ended"


def test_a_loop_that_has_ended_is_refused_at_once() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    with pytest.raises(WorldUnavailable, match=r"perdure\.sync\.this has ended"):
        BACKGROUND.run("this", forever, loop)


def test_a_timeout_of_its_own_is_no_end() -> None:
    async def raises() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        BACKGROUND.run("this", raises)


def test_a_call_may_take_longer_than_a_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LOOK_EVERY_S", 0.0)

    async def takes_its_time() -> int:
        for _ in range(100):
            await asyncio.sleep(0)
        return 7

    assert BACKGROUND.run("this", takes_its_time) == 7
