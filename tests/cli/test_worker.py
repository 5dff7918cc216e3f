"""`perdure worker`: what it refuses to begin with, and how it ends; as real processes, for signals are theirs."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from perdure.cli.worker import Stop, leave_stuck_threads, spare_imports
from tests.cli.shop import say

APP = """
import asyncio, sys, time
from perdure import step, workflow

@step
async def patient(seconds: float) -> str:
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    return "done"

@step
async def endless() -> None:
    print("begun", flush=True)
    await asyncio.sleep(3600)

@step
def stuck() -> None:
    print("begun", flush=True)
    time.sleep(3600)

@workflow
async def wait_for_input() -> str:
    return await patient(1)

@workflow
async def wait_for_ever() -> None:
    await endless()

@workflow
async def be_stuck() -> None:
    await stuck()
"""


WEBHOOK = ".well-known/workflow/v1/webhook/mine"
CONFIGURED = """
from perdure import configure, create_webhook
from perdure.http.verify import GitHub

configure(world="sqlite:///own.db", base_url="https://example.org/")

@workflow
async def show_url() -> None:
    async with create_webhook(token="mine", verify=GitHub("secret")) as webhook:
        print(webhook.url, flush=True)
"""


@contextmanager
def working(folder: Path, *words: str, app: str = APP) -> Iterator["subprocess.Popen[str]"]:
    (folder / "app.py").write_text(app)
    process = subprocess.Popen(
        [sys.executable, "-m", "perdure", "worker", "app", *words],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_until(stream: IO[str] | None, word: str) -> str:
    """The first line that begins so."""
    assert stream is not None
    return next(line for line in stream if line.startswith(word))


def steps(run_id: str) -> str:
    """The run's first step: its status and attempt."""
    return "\t".join(say("inspect", "steps", run_id).stdout.split("\t")[2:4])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains(folder: Path, number: signal.Signals) -> None:
    run_id = say("start", "app:wait_for_input").stdout.strip()
    with working(folder) as process:
        assert read_until(process.stderr, "running") == "running 3 workflows in sqlite:///.perdure/perdure.db\n"
        read_until(process.stdout, "begun")
        process.send_signal(number)
        assert read_until(process.stderr, "draining") == (
            "draining: 1 run to hand back after 1 step that may end, for at most 30 s; "
            "a second signal ends that at once\n"
        )
        _, stderr = process.communicate("go on\n", timeout=60)
    assert (process.returncode, stderr) == (0, "drained\n")
    assert steps(run_id) == "completed\t1"


def test_a_second_signal_hands_back_at_once(folder: Path) -> None:
    run_id = say("start", "app:wait_for_ever").stdout.strip()
    with working(folder) as process:
        read_until(process.stdout, "begun")
        process.send_signal(signal.SIGTERM)
        read_until(process.stderr, "draining")
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "drained\n")
    assert steps(run_id) == "running\t1"
    assert "a worker that serves app:wait_for_ever" in say("inspect", "run", run_id).stdout  # nobody owns it


def test_a_thread_that_doesnt_end_is_left_behind(folder: Path) -> None:
    say("start", "app:be_stuck")
    with working(folder, "--grace", "0") as process:
        read_until(process.stdout, "begun")
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=20)
    assert process.returncode == 0
    assert stderr.endswith("drained\n1 sync step did not end: left behind, and the runs handed back\n")


def test_a_result_is_waited_for(folder: Path) -> None:
    """`start --wait` in one process, the worker in another."""
    with working(folder) as process:
        read_until(process.stderr, "running")
        waiting = subprocess.Popen(
            [sys.executable, "-m", "perdure", "start", "app:wait_for_input", "--wait"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with waiting:
            read_until(process.stdout, "begun")
            assert process.stdin is not None
            process.stdin.write("go on\n")
            process.stdin.flush()
            stdout, stderr = waiting.communicate(timeout=60)
        assert (waiting.returncode, stdout) == (0, '"done"\n')
        assert stderr.startswith("wrun_")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_modules_that_cant_be_had(folder: Path) -> None:
    done = say("worker", "not_there_1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("perdure: there is no module not_there_1, ")
    assert list(folder.iterdir()) == []


def test_a_world_in_memory_has_no_workers(folder: Path) -> None:
    assert say("worker", "tests.cli.shop", "--world", "memory://").exit_code == 4


def test_what_the_modules_configure_counts(folder: Path) -> None:
    """Unless --world says otherwise; and what webhooks' URLs begin with is kept."""
    with working(folder, app=APP + CONFIGURED) as process:
        assert read_until(process.stderr, "running") == "running 4 workflows in sqlite:///own.db\n"
        run_id = say("start", "app:show_url", "--world", "sqlite:///own.db").stdout.strip()
        assert read_until(process.stdout, "https") == f"https://example.org/{WEBHOOK}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert run_id in say("inspect", "runs", "--world", "sqlite:///own.db").stdout


@pytest.mark.anyio
async def test_signals() -> None:
    stop, hurried = Stop(), list[int]()
    stop.hurry = lambda: hurried.append(1)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.asked.wait(), 5)
    assert hurried == []
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        while not hurried:
            await asyncio.sleep(0)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == [
        signal.SIG_DFL,
        signal.default_int_handler,
    ]


def test_threads_that_end_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", pytest.fail)
    ended = threading.Event()
    thread = threading.Thread(target=ended.wait, name="perdure-step_0")
    thread.start()
    ended.set()
    leave_stuck_threads()
    thread.join()


@pytest.mark.parametrize("collects", [True, False])
def test_imports_are_never_looked_through(collects: bool) -> None:
    try:
        if not collects:
            gc.disable()
        spare_imports()
        assert bool(gc.get_freeze_count()) == collects
    finally:
        gc.unfreeze()
        gc.enable()
