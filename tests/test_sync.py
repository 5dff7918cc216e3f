"""perdure for code without an event loop: every name, blocking, on one background thread."""

import asyncio
import inspect
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

import perdure
from perdure import sync
from perdure.sync import (
    FatalError,
    NotInStep,
    NotInWorkflow,
    Retry,
    RunCancelled,
    RunFailed,
    RunNotFound,
    StartOptions,
    UsageError,
    configure,
    find_run,
    get_run,
    get_step_metadata,
    heartbeat,
    list_runs,
    set_attributes,
    start,
    step,
    worker,
    workflow,
)

HERE = __name__
BACKGROUND = "perdure-sync"


@pytest.fixture(autouse=True)
def fresh_world() -> Iterator[None]:
    configure(world="memory://")
    yield
    sync.close()


@step
def double(n: int) -> int:
    return 2 * n


@workflow
async def doubles(n: int) -> int:
    if n < 0:
        raise FatalError("no negative numbers")
    return await double(n)


@workflow
async def sleeps() -> str:
    await perdure.sleep("1h")
    return "slept"


def background_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == BACKGROUND]


def wait_until(condition: Callable[[], object]) -> None:
    for _ in range(5000):
        if condition():
            return
        sync.sleep("1ms")
    raise AssertionError("it never came true")


def asleep(run: sync.Run[Any]) -> bool:
    return any(reason.kind == "sleep" for reason in run.info().waiting_for)


# -- names


def test_every_name_of_perdure() -> None:
    assert sync.__all__ == perdure.__all__
    assert [name for name in sync.__all__ if not hasattr(sync, name)] == []


def test_no_name_awaits() -> None:
    """`as_completed`, `list_runs` and `get_run` give what awaits; `worker` and `timeout` are for `async with`."""
    awaiting = {name for name in perdure.__all__ if inspect.iscoroutinefunction(getattr(perdure, name))}
    assert awaiting == {
        "close", "find_run", "heartbeat", "race", "set_attributes", "sleep", "start", "wait",
    }  # fmt: skip
    assert [name for name in sync.__all__ if inspect.iscoroutinefunction(vars(sync)[name])] == []
    changed = {name for name in sync.__all__ if vars(sync)[name] is not getattr(perdure, name)}
    assert changed == awaiting | {"Run", "as_completed", "get_run", "list_runs", "worker"}


def test_the_handle_has_every_method() -> None:
    def methods(cls: type) -> set[str]:
        return {name for name in vars(cls) if not name.startswith("_")}

    assert methods(perdure.Run) <= methods(sync.Run)
    for name in methods(perdure.Run):
        assert inspect.getdoc(getattr(sync.Run, name)), f"{name} says what it does"


@pytest.mark.parametrize("name", ["sleep", "race", "wait", "heartbeat", "set_attributes"])
def test_what_blocks_says_the_same_as_what_awaits(name: str) -> None:
    assert getattr(sync, name).__doc__ == getattr(perdure, name).__doc__
    assert getattr(sync, name).__name__ == name


# -- runs


def test_a_runs_life() -> None:
    run = start(doubles, 3)
    assert run.result() == 6
    assert run.status() == "completed"
    info = run.info()
    assert (info.run_id, info.result) == (run.run_id, 6)
    assert repr(run) == f"<run {run.run_id}>"
    assert [event.type for event in run.events()] == [
        "run_created", "run_started", "step_created", "step_completed", "run_completed",
    ]  # fmt: skip
    assert [each.name for each in run.steps()] == [f"{HERE}:double"]
    assert list(run.waits()) == []
    assert run.steps().page().cursor is None
    again = run.rerun()
    assert (again.result(), again.run_id == run.run_id) == (6, False)


def test_exceptions_come_through() -> None:
    run = start(doubles, -1)
    with pytest.raises(RunFailed) as caught:
        run.result()
    assert type(caught.value.__cause__) is FatalError
    with pytest.raises(UsageError, match="failed by itself"):
        run.retry()
    with pytest.raises(TypeError):
        start(doubles)  # type: ignore[call-arg]


def test_sleeps_cancels_and_timeouts() -> None:
    run = start(sleeps)
    with pytest.raises(TimeoutError):
        run.result(timeout="1ms")
    wait_until(lambda: asleep(run))
    assert run.wake_up() == 1
    assert run.result() == "slept"
    other = start(sleeps)
    assert other.cancel(reason="by hand") is True
    with pytest.raises(RunCancelled) as caught:
        other.result()
    assert caught.value.reason == "by hand"
    assert other.cancel(grace=0) is False


def test_options_and_finding_runs_again() -> None:
    assert find_run("key") is None
    run = start(doubles, 3, options=StartOptions(idempotency_key="key", attributes={"region": "eu"}))
    found = find_run("key")
    assert found is not None
    assert found.run_id == run.run_id
    assert get_run(run.run_id, int).result() == 6
    assert get_run(run.run_id).result() == 6
    with pytest.raises(RunNotFound):
        get_run("order-1")


def test_listing() -> None:
    runs = [start(doubles, n) for n in range(5)]
    for run in runs:
        run.result()
    assert sorted(info.run_id for info in list_runs(limit=2)) == sorted(run.run_id for run in runs)
    page = list_runs(limit=2, status="completed").page()
    assert len(page.items) == 2
    assert len(list(list_runs(limit=2, cursor=page.cursor, workflow=doubles))) == 3
    assert list(list_runs(status="failed")) == []


def test_an_explicit_worker() -> None:
    sync.close()
    configure(world="memory://", work=False)
    run = start(sleeps)
    assert run.status() == "pending"
    with worker(concurrency=3):
        wait_until(lambda: asleep(run))
        run.wake_up()
        assert run.result() == "slept"
    with pytest.raises(ValueError, match="mine"), worker():
        raise ValueError("mine")
    with pytest.raises(UsageError, match="concurrency=0"), worker(concurrency=0):
        pass


# -- async helpers


async def answer(n: int) -> int:
    await asyncio.sleep(n / 1000)
    return n


def test_sleeping_racing_and_waiting() -> None:
    assert sync.sleep("1ms", result="rested") == "rested"
    assert sync.race(answer(20_000), answer(1)) == 1
    done, pending = sync.wait([answer(1), answer(2)])
    assert [task.result() for task in done] == [1, 2]
    assert pending == []
    assert [task.result() for task in sync.as_completed([answer(20), answer(0)])] == [0, 20]
    unfinished = sync.as_completed([answer(20_000)], timeout="1ms")
    with pytest.raises(TimeoutError):
        next(unfinished)


# -- in sync steps


@step(retry=Retry(delay=0.001))
def makes_progress() -> list[Any]:
    here = threading.current_thread().name
    found = get_step_metadata()
    if found.attempt == 1:
        heartbeat({"done": 1})
        set_attributes(thread=here.rpartition("_")[0], old=None)
        raise ValueError("half way")
    return [found.progress, background_threads() == [], here.startswith("perdure-step")]


@workflow
async def progresses() -> list[Any]:
    return await makes_progress()


def test_heartbeat_and_attributes_in_a_sync_step() -> None:
    run = start(progresses)
    assert run.result() == [{"done": 1}, False, True]
    assert run.info().attributes == {"thread": "perdure-step"}


def test_in_the_worker_of_another_loop_they_need_no_background_loop() -> None:
    sync.close()
    configure(world="memory://")

    async def main() -> list[Any]:
        result = await (await perdure.start(progresses)).result()
        await perdure.close()
        return result

    assert asyncio.run(main()) == [{"done": 1}, True, True]


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


def test_outside_of_a_run_they_say_so() -> None:
    with pytest.raises(NotInStep):
        heartbeat()
    with pytest.raises(NotInWorkflow):
        set_attributes(phase="x")


# -- where a loop runs


def refusal(name: str) -> str:
    return f"perdure.sync.{name} would block the event loop that runs here: await perdure.{name}"


USES: dict[str, Callable[[], Any]] = {
    "start": lambda: start(doubles, 1),
    "sleep": lambda: sync.sleep(1),
    "find_run": lambda: find_run("key"),
    "heartbeat": heartbeat,
    "set_attributes": lambda: set_attributes(phase="x"),
    "close": sync.close,
    "Run.result": lambda: get_run("wrun_" + "0" * 26).result(),
    "Run.rerun": lambda: get_run("wrun_" + "0" * 26).rerun(),
    "Run.events": lambda: list(get_run("wrun_" + "0" * 26).events()),
    "list_runs": lambda: list_runs().page(),
    "as_completed": lambda: sync.as_completed([]),
    "worker": lambda: worker().__enter__(),
}


@pytest.mark.parametrize("name", [*USES])
def test_inside_a_running_loop_it_is_refused(name: str) -> None:
    async def main() -> None:
        USES[name]()

    with pytest.raises(UsageError) as caught:
        asyncio.run(main())
    assert str(caught.value) == refusal(name)


@workflow
async def blocks_in_its_body() -> str:
    try:
        sync.sleep("1h")
    except UsageError as error:
        return str(error)
    return "slept"


def test_in_a_workflows_body_it_is_refused() -> None:
    assert start(blocks_in_its_body).result() == refusal("sleep")


@step
async def blocks_in_an_async_step() -> str:
    try:
        heartbeat()
    except UsageError as error:
        return str(error)
    return "beaten"


@workflow
async def calls_one_that_blocks() -> str:
    return await blocks_in_an_async_step()


def test_in_an_async_step_it_is_refused() -> None:
    assert start(calls_one_that_blocks).result() == refusal("heartbeat")


# -- the thread


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
            env={"PYTHONPATH": str(Path(__file__).parents[1] / "src")},
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
    environment = {"PYTHONPATH": str(Path(__file__).parents[1] / "src")}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
