"""Several workers under one: real processes, small ones where it is about the supervisor, the real ones at the end."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from perdure.cli import supervisor as module
from perdure.cli.supervisor import Supervisor
from tests.cli.shop import say
from tests.cli.test_worker import read_until, working

pytestmark = pytest.mark.anyio

PATIENCE_S = 60
KID = """
import os, signal, socket, sys, time
line = socket.socket(fileno=int(sys.argv[-1]))
me = str(os.getpid())
def note(word):
    with open("said", "a") as file:
        file.write(f"{me} {word}\\n")
mood = open("mood").read()
if mood == "fails":
    sys.exit(4)
if mood == "crashes":
    os.kill(os.getpid(), signal.SIGKILL)
note("works")
line.send(b"w")
while word := line.recv(1):
    note(word.decode())
    if word == b"d" and mood == "patient":
        continue
    if mood != "deaf":
        sys.exit(3 if mood == "odd" else 0)
note("let go")
"""


class Fleet:
    """A supervisor of small processes in the current folder."""

    def __init__(self, mood: str = "good") -> None:
        self.be(mood)
        self._supervisor = Supervisor([sys.executable, "-S", "-c", KID])

    def be(self, mood: str) -> None:
        Path("mood").write_text(mood)

    def run(self, count: int) -> "asyncio.Task[int]":
        return asyncio.create_task(self._supervisor.run(count))

    def said(self, word: str) -> list[int]:
        """Who has said so."""
        lines = Path("said").read_text().splitlines() if Path("said").exists() else []
        return [int(line.split()[0]) for line in lines if line.split(" ", 1)[1] == word]

    async def says(self, word: str, count: int) -> list[int]:
        await until(lambda: len(self.said(word)) >= count)
        return self.said(word)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def done(run: Awaitable[int]) -> int:
    return await asyncio.wait_for(run, PATIENCE_S)


def to_me(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(module, "PAUSES_S", (0.001, 0.002))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_one_signal_drains_all(number: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet()
    run = fleet.run(3)
    workers = await fleet.says("works", 3)
    to_me(number)
    assert await done(run) == 0
    assert sorted(fleet.said("d")) == sorted(workers)
    assert fleet.said("h") == []
    assert capsys.readouterr().err.splitlines() == [
        "3 workers at work", "draining 3 workers; a second signal ends that at once", "all drained"
    ]  # fmt: skip


async def test_the_second_hurries_and_the_third_kills(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet("patient")
    run = fleet.run(2)
    await fleet.says("works", 2)
    to_me(signal.SIGTERM)
    await fleet.says("d", 2)
    assert not run.done()
    to_me(signal.SIGINT)
    assert await done(run) == 0
    assert len(fleet.said("h")) == 2
    deaf = Fleet("deaf")
    run = deaf.run(1)
    await fleet.says("works", 3)
    for word, count in (("d", 3), ("h", 3)):
        to_me(signal.SIGTERM)
        await fleet.says(word, count)
    assert not run.done()
    with caplog.at_level(logging.ERROR):
        to_me(signal.SIGTERM)
        assert await done(run) == 1
    assert "was killed by signal 9 before it was drained" in caplog.text


async def test_who_dies_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet()
    run = fleet.run(2)
    first, second = await fleet.says("works", 2)
    os.kill(first, signal.SIGKILL)
    *_, third = await fleet.says("works", 3)
    fleet.be("odd")  # the fourth one says that it ends by itself
    os.kill(second, signal.SIGTERM)
    *_, fourth = await fleet.says("works", 4)
    to_me(signal.SIGTERM)
    assert await done(run) == 1, "one of them ended oddly"
    assert sorted(fleet.said("d")) == sorted((third, fourth))
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert told == [
        f"process {first} was killed by signal 9: another begins in 1 ms",
        f"process {second} was killed by signal 15: another begins in 1 ms",
        f"process {fourth} ended with exit code 3 before it was drained",
    ]


async def test_pauses_grow_and_a_signal_ends_them(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = Fleet()
    run = fleet.run(2)
    first, _ = await fleet.says("works", 2)
    monkeypatch.setattr(module, "PAUSES_S", (0.001, 0.004))
    fleet.be("crashes")
    os.kill(first, signal.SIGKILL)
    await until(lambda: "begins in 4 ms" in caplog.text)
    pauses = [record.getMessage().rpartition(" in ")[2] for record in caplog.records]
    assert pauses[:3] == ["1 ms", "2 ms", "4 ms"]
    monkeypatch.setattr(module, "PAUSES_S", (3600.0, 3600.0))
    monkeypatch.setattr(module, "LONG_S", 0.0)
    await until(lambda: "begins in 1 h" in caplog.text)
    to_me(signal.SIGTERM)
    assert await done(run) == 0


async def test_who_has_lived_for_long_is_started_again_soon(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LONG_S", 0.0)
    fleet = Fleet()
    run = fleet.run(2)
    await fleet.says("works", 2)
    for number in range(3):
        os.kill(fleet.said("works")[-1], signal.SIGKILL)
        await fleet.says("works", 3 + number)
    to_me(signal.SIGTERM)
    assert await done(run) == 0
    assert caplog.text.count("another begins in 1 ms") == 3


@pytest.mark.parametrize(("mood", "code"), [("fails", 4), ("crashes", 1)])
async def test_what_keeps_the_first_from_working_is_told_once(mood: str, code: int) -> None:
    fleet = Fleet(mood)
    assert await done(fleet.run(3)) == code
    assert fleet.said("works") == []


async def test_a_signal_while_the_first_begins(capsys: pytest.CaptureFixture[str]) -> None:
    fleet = Fleet()
    run = fleet.run(2)
    to_me(signal.SIGTERM)
    assert await done(run) == 0


# -- real ones


def kids_of(pid: int) -> list[int]:
    return [int(kid) for kid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_on_one_file(folder: Path) -> None:
    """One is killed, its runs go on; a signal drains them all."""
    with working(folder, "--processes", "2", "--concurrency", "7") as process:
        read_until(process.stderr, "2 workers at work")
        run_id = say("start", "app:wait_for_ever").stdout.strip()
        read_until(process.stdout, "begun")
        kids = kids_of(process.pid)
        assert len(kids) == 2
        for kid in kids:
            os.kill(kid, signal.SIGKILL)
        read_until(process.stdout, "begun")
        assert run_id in say("inspect", "runs", "--status", "running").stdout
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert stderr.endswith("all drained\n")
    assert stderr.count("was killed by signal 9: another begins in 1.0 s") == 2


async def test_nobody_outlives_the_supervisor(folder: Path) -> None:
    with working(folder, "--processes", "2", "--grace", "0") as process:
        read_until(process.stderr, "2 workers at work")
        kids = kids_of(process.pid)
        process.kill()
        _, stderr = process.communicate(timeout=PATIENCE_S)  # theirs too: it ends with the last of them
    assert stderr.count(": drained\n") == 2
    await until(lambda: not any(is_alive(kid) for kid in kids))


def test_bad_modules_and_worlds_are_told_once(folder: Path) -> None:
    for words, code, told in (
        (("nowhere_1",), 2, "perdure: there is no module nowhere_1"),
        (("tests.cli.shop", "--world", "memory://"), 4, "perdure: 'memory://' is no usable world"),
    ):
        command = [sys.executable, "-m", "perdure", "worker", *words, "--processes", "3"]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        assert (ended.returncode, ended.stderr.count(told)) == (code, 1), ended.stderr


def test_no_less_than_one(folder: Path) -> None:
    assert say("worker", "app", "--processes", "0").exit_code == 2
