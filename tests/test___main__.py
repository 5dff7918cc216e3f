"""`python -m perdure`, as a process of its own: exit codes, and what goes where."""

import os
import subprocess
import sys
from pathlib import Path


def perdure(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PERDURE_WORLD"}
    return subprocess.run(
        [sys.executable, "-m", "perdure", *words],
        cwd=folder,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_run_is_started_and_seen(tmp_path: Path) -> None:
    started = perdure(tmp_path, "start", "shop:fulfil", '["o-1"]')
    assert started.returncode == 0
    run_id = started.stdout.strip()
    assert started.stderr == (
        "no live worker serves shop:fulfil: the run waits for one; start it with `perdure worker MODULE`\n"
    )
    seen = perdure(tmp_path, "inspect", "runs")
    assert (seen.returncode, seen.stderr) == (0, "")
    assert seen.stdout.startswith(f"{run_id}\tshop:fulfil\tpending\t")


def test_looking_makes_nothing(tmp_path: Path) -> None:
    done = perdure(tmp_path, "inspect", "runs")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr == (
        "perdure: 'sqlite:///.perdure/perdure.db' is no usable world: "
        "there is no file .perdure/perdure.db: start a run there first, or name another world with --world or PERDURE_WORLD\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_wrongly_is_2(tmp_path: Path) -> None:
    done = perdure(tmp_path, "inspect", "everything")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: perdure inspect ")
