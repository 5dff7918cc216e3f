"""`perdure worker --queue`: two real processes on one file, one for workflows and one for a queue, which is killed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure.cli.worker import work_of
from perdure.engine.registry import REGISTRY
from tests.cli.shop import say

PATIENCE_S = 60
APP = """
import asyncio, os
from pathlib import Path
from perdure import get_step_metadata, get_writable, step, workflow

@step(queue="gpu")
async def embed(text: str) -> str:
    about = get_step_metadata()
    async with get_writable(str) as out:
        await out.write(f"{about.step_id} {about.attempt} {os.getpid()}")
    print(f"begun {about.attempt}", flush=True)
    while not Path("go").exists():
        await asyncio.sleep(0.01)
    return f"{text} embedded in attempt {about.attempt}"

@step
async def store(what: str) -> str:
    return f"{what}, stored by {os.getpid()}"

@workflow
async def ingest(text: str) -> str:
    return await store(await embed(text))
"""


@contextmanager
def working(*words: str) -> Iterator["subprocess.Popen[str]"]:
    """A worker that is ready."""
    command = [sys.executable, "-m", "perdure", "worker", "app", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.communicate(timeout=PATIENCE_S)


def told(process: "subprocess.Popen[str]") -> str:
    """What it says that it runs."""
    assert process.stderr is not None
    return next(line for line in process.stderr if line.startswith("running"))


def seen(process: "subprocess.Popen[str]") -> str:
    """What its step says."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline


def lines(*words: str) -> list[list[str]]:
    return [line.split("\t") for line in say(*words).stdout.splitlines()]


def test_a_killed_worker_of_a_queue_is_taken_over(folder: Path) -> None:
    (folder / "app.py").write_text(APP)
    run_id = say("start", "app:ingest", '["a page"]').stdout.strip()
    with working() as owner:
        assert told(owner) == "running 1 workflow in sqlite:///.perdure/perdure.db\n"
        until(lambda: "a worker that runs app:embed in queue gpu" in say("inspect", "run", run_id).stdout)
        [[step_id, name, status, attempt, *_]] = lines("inspect", "steps", run_id)
        assert (name, status, attempt) == ("app:embed", "pending", "0")
        with working("--queue", "gpu", "--concurrency", "1") as first:
            assert told(first) == "running the steps of queue gpu in sqlite:///.perdure/perdure.db\n"
            assert seen(first) == "begun 1"
            until(lambda: lines("inspect", "steps", run_id)[0][2:4] == ["running", "1"])
            first.send_signal(signal.SIGKILL)
            first.wait(timeout=PATIENCE_S)
        with working("--queue", "gpu") as second:
            assert seen(second) == "begun 2"
            (folder / "go").touch()
            until(lambda: json.loads(say("inspect", "run", run_id, "--json").stdout)["status"] == "completed")
        shown = json.loads(say("inspect", "run", run_id, "--json", "--with-data").stdout)
        assert shown["result"] == f"a page embedded in attempt 2, stored by {owner.pid}"
    [embedded, stored] = json.loads(say("inspect", "steps", run_id, "--json").stdout)["items"]
    assert (embedded["stepId"], embedded["attempt"], embedded["queue"]) == (step_id, 2, "gpu")
    assert (stored["attempt"], stored["queue"]) == (1, None)
    assert json.loads(say("inspect", "step", step_id, "--json").stdout)["queue"] == "gpu"
    chunks = [line.split() for line in say("stream", run_id).stdout.splitlines()]
    assert [chunk[:2] for chunk in chunks] == [[step_id, "1"], [step_id, "2"]]
    [queued] = lines("inspect", "runs", "--workflow", "queue:gpu/app:embed")
    assert [run for run, *_ in lines("inspect", "runs")] == [run_id]
    assert json.loads(say("inspect", "run", queued[0], "--json").stdout)["parentId"] == run_id
    assert json.loads(say("inspect", "run", queued[0], "--json").stdout)["recoveries"] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--queue", "g u"), "'g u' can't name a queue: give 1 to 64 ASCII letters"),
        (("--queue", ""), "'' can't name a queue"),
    ],
)
def test_what_cant_be_served(folder: Path, words: tuple[str, ...], sentence: str) -> None:
    done = say("worker", "app", *words)
    assert (done.exit_code, sentence in done.stderr) == (2, True)


def test_a_queue_that_no_step_names(folder: Path) -> None:
    (folder / "app.py").write_text(APP)
    with working("--queue", "gpuu") as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "no step of app names the queue gpuu (those that are named: gpu)\n"
        told(process)


def test_what_a_worker_runs_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY, "_served", frozenset(("a", "b")))
    assert work_of(("default",)) == "2 workflows"
    assert work_of(("default", "gpu")) == "2 workflows and the steps of queue gpu"
    assert work_of(("gpu", "cpu")) == "the steps of queues cpu, gpu"
