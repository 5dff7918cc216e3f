"""Logs replay for ever: those of `tests/golden`, to the same end, and each beginning of them to the same requests.

And a replay is the same in every process: the order of Python's sets of strings, which each process draws anew, is
nowhere in it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from perdure.core.transitions import TRANSITIONS
from perdure.model.event import FACTS
from perdure.testing.simulation.checker.replay import check_replay
from perdure.testing.simulation.checker.row import RunLog
from tests.faults.programs import PROGRAMS, SUITE
from tests.faults.replayed import attempted, recorded
from tests.golden import kept

ROOT = Path(__file__).parents[2]
EVIDENCE: Any = SimpleNamespace(suite=SUITE)
RECORD = "python -m tests.golden records what is missing"


def violations(log: RunLog) -> list[str]:
    return [str(violation) for violation in check_replay(EVIDENCE, log, prefixes=False)]


@pytest.mark.parametrize("path", kept.files(), ids=lambda path: path.stem)
def test_a_golden_log_replays_to_its_end(path: Path) -> None:
    for run in kept.read(path).runs:
        assert violations(run.log()) == []


@pytest.mark.parametrize("path", kept.files(), ids=lambda path: path.stem)
def test_each_beginning_of_a_golden_log_asks_for_what_came_next(path: Path) -> None:
    """By the code that wrote the turn: a log may have been written by one version after the other."""
    for run in kept.read(path).runs:
        log = run.log()
        tried = [attempted(code, log) for code in SUITE.codes(run.workflow)]
        for turn, answer in recorded(log).items():
            assert answer in [answers[turn] for answers in tried], f"{run.run_id}, turn {turn}"


def test_replays_are_the_same_in_every_process() -> None:
    """Under three hash seeds: golden logs, and whole simulations, in which the engine could let an order slip in."""
    told = [replayed_under(hash_seed) for hash_seed in ("0", "1", "31337")]
    assert len({text.pop("hash") for text in told}) == 3, "strings hash alike: nothing was tried"
    first, *others = told
    assert len(first) > len(PROGRAMS)
    for other in others:
        assert other.keys() == first.keys()
        assert [name for name in first if other[name] != first[name]] == []


def replayed_under(hash_seed: str) -> dict[str, Any]:
    process = subprocess.run(
        [sys.executable, "-m", "tests.faults.replayed"],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    text: dict[str, Any] = json.loads(process.stdout)
    return text


def test_golden_logs_have_every_program_and_every_type_of_event() -> None:
    golden = [kept.read(path) for path in kept.files()]
    assert {program.name for program in PROGRAMS} <= {one.program for one in golden}, RECORD
    types = {row.type for log in kept.logs() for row in log.rows}
    assert types == FACTS.keys(), RECORD
    assert {log.rows[-1].type for log in kept.logs()} >= {"run_completed", "run_failed", "run_cancelled", "run_blocked"}
    assert {event for following in TRANSITIONS.values() for event in following} <= types


def test_a_golden_file_is_written_as_it_is_read() -> None:
    for path in kept.files():
        assert kept.write(kept.read(path)) == path.read_text(encoding="utf-8")


def test_a_changed_log_is_seen() -> None:
    """Planted: another name in a request, another result at the end, a request too many."""
    golden = kept.read(kept.file_of("0.1.0", "sim:sequence"))
    run = next(run for run in golden.runs if run.rows[-1].type == "run_completed")
    for place, found, planted in (
        (-1, b'"result":[', b'"result":["more",'),
        (_first(run, "step_created"), b"sim:do", b"sim:undo"),
        (_first(run, "wait_created"), b'"due_ms":1', b'"due_ms":2'),
    ):
        rows = list(run.rows)
        payload = bytes(rows[place].payload)
        assert found in payload
        rows[place] = msgspec.structs.replace(rows[place], payload=msgspec.Raw(payload.replace(found, planted)))
        assert len(violations(msgspec.structs.replace(run, rows=rows).log())) == 1


def _first(run: kept.Run, type: str) -> int:
    return next(place for place, row in enumerate(run.rows) if row.type == type)
