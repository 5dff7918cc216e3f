"""The whole demo, as a stranger runs it: real processes, a real kill, a real ledger."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def start_demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "examples.fulfilment", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def output(demo: subprocess.Popen[str]) -> tuple[str, str]:
    try:
        return demo.communicate(timeout=120)
    finally:
        demo.kill()


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


def test_every_order_is_charged_once_though_the_worker_is_killed(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, "--orders", "25")
    stdout, stderr = output(demo)
    assert (demo.returncode, stderr) == (0, ""), stdout
    workers = re.findall(r"worker (\d+) started", stdout)
    assert len(workers) == 2
    assert re.findall(r"worker (\d+) killed \(SIGKILL\), with [1-9]\d* runs open", stdout) == workers[:1]
    assert re.search(rf"SIGKILL +worker {workers[0]}", stdout)  # in the timeline
    assert re.search(r"20 +orders, each a run", stdout)
    assert re.search(r"1 +exported again: found the first line's run", stdout)
    assert re.search(r"1 +not fulfilled: the item is sold out for good", stdout)
    assert re.search(r"1 +not fulfilled: the card was declined", stdout)
    assert re.search(r"1 +not fulfilled: the mailbox takes no mail", stdout)
    assert re.search(r"18 +amount '49,80' is no amount, such as 1249.90", stdout)
    assert "right  each of the 17 fulfilled orders was charged exactly once" in stdout
    assert not any(is_alive(worker) for worker in workers)
    assert list((tmp_path / ".perdure" / "demo").iterdir()) == []


def test_three_workers_on_a_postgresql_that_crashes(tmp_path: Path) -> None:
    demo = start_demo(tmp_path, "--postgres", "--orders", "40", "--kills", "2")
    stdout, stderr = output(demo)
    assert (demo.returncode, stderr) == (0, ""), stdout
    workers = re.findall(r"worker (\d+) started", stdout)
    assert len(workers) == 3 + 2
    killed = re.findall(r"worker (\d+) killed \(SIGKILL\), with [1-9]\d* runs open", stdout)
    assert len(set(killed)) == 2
    assert set(killed) < set(workers)
    assert re.search(r"PostgreSQL crashes \(stopped as by a power cut\), with [1-9]\d* runs open", stdout)
    assert "PostgreSQL is back, and has recovered from its log" in stdout
    assert re.search(r"right +none of the 34 orders is lost, after 2 × SIGKILL and 1 × crash", stdout)
    assert re.search(r"right +each of the 31 fulfilled orders was charged exactly once", stdout)
    assert not any(is_alive(worker) for worker in workers)
    assert list((tmp_path / ".perdure" / "demo").iterdir()) == []


def test_ctrl_c_ends_every_process(tmp_path: Path) -> None:
    demo = start_demo(tmp_path)
    assert demo.stdout
    try:
        worker = next(found[1] for line in demo.stdout if (found := re.search(r"worker (\d+) started", line)))
        demo.send_signal(signal.SIGINT)
    finally:
        _, stderr = output(demo)
    assert (demo.returncode, stderr) == (130, "stopped; provider and worker have ended\n")
    assert not is_alive(worker)
    assert list((tmp_path / ".perdure" / "demo").iterdir()) == []


@pytest.mark.parametrize(
    ("argument", "number", "sentence"),
    [
        ("--orders", "0", "argument --orders: '0' is no number from 1 up"),
        ("--kills", "-1", "argument --kills: '-1' is no number from 0 up"),
    ],
)
def test_senseless_arguments_are_refused(tmp_path: Path, argument: str, number: str, sentence: str) -> None:
    demo = start_demo(tmp_path, f"{argument}={number}")
    _, stderr = output(demo)
    assert demo.returncode == 2
    assert sentence in stderr
    assert not (tmp_path / ".perdure").exists()
