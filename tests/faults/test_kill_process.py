"""A real worker on a real SQLite file gets SIGKILL at one of its calls of the store, and another one goes on at once.

`mortal.py` is both: what it runs, and how it dies. Here it dies at eight of its calls, from the first to the last but
few, and its successor at some; with PERDURE_CHAOS=1 before, amid and after every one, and the successor at every thirtieth.
"""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from perdure.model.ids import step_id
from perdure.testing.simulation.checker.log import check_log
from perdure.testing.simulation.checker.replay import check_replay
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.program import Program, Suite
from perdure.world import RunFilter
from perdure.worlds.sqlite import SqliteWorld
from tests.faults import mortal
from tests.faults.chaos import CHAOS

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
PARTS = 8
SUITE = Suite(
    programs=tuple(Program(workflow=one) for one in (mortal.mixed, mortal.kid, mortal.guardian, mortal.endless)),
    children=(),
    steps=(mortal.do, mortal.threaded, mortal.third, mortal.hopeless, mortal.once),
)
OUTCOMES = ("step_completed", "step_failed")
Fates = list[tuple[str, int]]


@dataclass(frozen=True)
class Life:
    """One process, from its start to its end. `code` is negative where a signal ended it."""

    pid: int
    code: int
    told: dict[str, Any]


@dataclass(frozen=True)
class Undisturbed:
    """A run that nobody kills: what it comes to, and how many calls of the store that takes."""

    result: list[Any]
    ends: Counter[tuple[str, str]]
    calls: int


def live(folder: Path, *fate: str) -> Life:
    """Run a process to its end, by itself or by our patience."""
    command = [sys.executable, "-m", "tests.faults.mortal", str(folder), *fate]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            output, complaints = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            _, complaints = process.communicate()
            pytest.fail(f"{' '.join(command)}: not over after {PATIENCE_S} s, in {states(folder)}\n{complaints}")
    assert process.returncode in (0, -signal.SIGKILL), complaints
    return Life(process.pid, process.returncode, json.loads(output) if output else {})


def logs(folder: Path) -> list[RunLog]:
    """Every run, as the file has it."""

    async def read() -> list[RunLog]:
        world = SqliteWorld(f"sqlite:///{folder}/runs.db")
        await world.open()
        try:
            runs = (await world.list_runs(RunFilter(limit=1000))).runs
            found = [await world.read_log(run.run_id) for run in runs]
        finally:
            await world.close()
        return [RunLog(log) for log in found if log is not None]

    return asyncio.run(read())


def states(folder: Path) -> str:
    return ", ".join(f"{log.run.workflow} {log.run.status} after {log.rows[-1].type}" for log in logs(folder))


def outcomes(found: list[RunLog]) -> set[str]:
    """The steps whose outcome is in a log."""
    return {step_id(log.run_id, row.key) for log in found for row in log.of(*OUTCOMES)}


def begun(folder: Path) -> list[dict[str, Any]]:
    """Every body of a step that has begun, in order."""
    ledger = folder / "ledger"
    return [json.loads(line) for line in ledger.read_text().splitlines()] if ledger.exists() else []


def ends(found: list[RunLog]) -> Counter[tuple[str, str]]:
    return Counter((log.run.workflow, log.run.status) for log in found)


def begun_again(ledger: list[dict[str, Any]], pid: int, recorded: set[str]) -> list[str]:
    """Bodies that this process began though their outcome was recorded before its time."""
    return [f"{line}" for line in ledger if line["pid"] == pid and line["step"] in recorded]


def begun_twice(ledger: list[dict[str, Any]]) -> list[str]:
    """At-most-once bodies that began more than once."""
    return [
        name for name, times in Counter(line["name"] for line in ledger).items() if name == "mortal:once" and times > 1
    ]


def broken(folder: Path, life: Life, recorded: set[str]) -> Iterator[str]:
    """What a process may not do that found these steps' outcomes recorded."""
    ledger = begun(folder)
    for line in begun_again(ledger, life.pid, recorded):
        yield f"P2 a body begun after its outcome was recorded: {line}"
    for name in begun_twice(ledger):
        yield f"S3 an at-most-once body: {name} has begun twice"


def broken_in_the_end(folder: Path, last: Life, expected: Undisturbed) -> Iterator[str]:
    """How what is left differs from what a run that nobody kills leaves, or breaks a rule by itself."""
    found, evidence = logs(folder), SimpleNamespace(suite=SUITE)
    if last.told.get("result") != expected.result:
        yield f"another result than without a kill: {last}"
    if ends(found) != expected.ends:
        yield f"other ends than without a kill: {states(folder)}"
    for log in found:
        yield from map(str, check_log(log))
        yield from map(str, check_replay(evidence, log, prefixes=False))  # type: ignore[arg-type]


def violations(folder: Path, fates: Fates, expected: Undisturbed) -> Iterator[str]:
    """A process for each fate, and one that lives on."""
    world = folder / "world"
    world.mkdir(parents=True)
    recorded: set[str] = set()
    for number, (side, call) in enumerate(fates):
        life = live(world, side, str(call))
        yield from broken(world, life, recorded)
        wreck = shutil.copytree(world, folder / f"wreck-{number}")
        recorded = outcomes(logs(wreck))  # of a copy, which this mends: the original is for the successor
        if number == 0 and life.code == 0 and call < expected.calls * 0.9:
            yield f"it has made {life.told['calls']} calls, and was not killed {side} call {call}"
    last = live(world)
    yield from broken(world, last, recorded)
    yield from broken_in_the_end(world, last, expected)


def try_out(folder: Path, fates: Fates, expected: Undisturbed) -> None:
    found = [*violations(folder, fates, expected)]
    assert not found, f"killed {fates}, see {folder}:\n" + "\n".join(found)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    life = live(folder)
    assert life.code == 0
    found = logs(folder)
    return Undisturbed(life.told["result"], ends(found), life.told["calls"])


@pytest.mark.parametrize("part", range(PARTS))
def test_a_killed_worker_changes_nothing(part: int, tmp_path: Path, undisturbed: Undisturbed) -> None:
    side, calls = mortal.SIDES[part % len(mortal.SIDES)], undisturbed.calls
    fates = [(side, 1 + part * (calls * 9 // 10) // (PARTS - 1))]  # not the very last: their number varies a bit
    if CHAOS:
        fates = [(side, call) for call in range(1 + part, calls + 1, PARTS) for side in mortal.SIDES]
    for side, call in fates:
        try_out(tmp_path / f"{side}-{call}", [(side, call)], undisturbed)


@pytest.mark.parametrize("part", range(PARTS if CHAOS else 3))
def test_a_successor_may_die_too(part: int, tmp_path: Path, undisturbed: Undisturbed) -> None:
    side, calls = mortal.SIDES[part % len(mortal.SIDES)], undisturbed.calls
    pairs = [(10 + 15 * part, 5 + 5 * part)]
    if CHAOS:
        pairs = list(product(range(1 + part, calls + 1, PARTS), range(5 + part, calls, 30)))
    for first, second in pairs:
        try_out(tmp_path / f"{first}-{second}", [("after", first), (side, second)], undisturbed)


def test_what_runs_has_everything_at_once(tmp_path: Path, undisturbed: Undisturbed) -> None:
    assert live(tmp_path).code == 0
    found = logs(tmp_path)
    types = {row.type for log in found for row in log.rows}
    assert types >= {"child_created", "step_retrying", "step_failed", "wait_completed", "cancel_requested", *OUTCOMES}
    assert undisturbed.ends == Counter({
        ("mortal:mixed", "completed"): 1,
        ("mortal:kid", "completed"): 1,
        ("mortal:guardian", "cancelled"): 1,
        ("mortal:endless", "cancelled"): 1,
    })  # fmt: skip
    assert undisturbed.result[0] == "did x"


def test_what_is_wrong_is_seen(tmp_path: Path, undisturbed: Undisturbed) -> None:
    """Planted: outcomes that were there before, a line in the ledger, another result and other ends."""
    life = live(tmp_path)
    recorded = outcomes(logs(tmp_path))
    assert [*broken(tmp_path, life, set())] == []
    assert len([*broken(tmp_path, life, recorded)]) == len(begun(tmp_path)), "all bodies are of steps with an outcome"
    with (tmp_path / "ledger").open("a") as ledger:
        ledger.write(json.dumps({"pid": 0, "step": "step_1", "name": "mortal:once", "attempt": 2}) + "\n")
    assert [*broken(tmp_path, life, set())] == ["S3 an at-most-once body: mortal:once has begun twice"]
    assert [*broken_in_the_end(tmp_path, life, undisturbed)] == []
    other = Undisturbed(["other"], Counter(), 1)
    assert len([*broken_in_the_end(tmp_path, life, other)]) == 2


def test_amid_a_call_nothing_is_committed(tmp_path: Path) -> None:
    """The hook itself: around the call that commits the start, the run is there only after it."""

    def runs_when_killed(side: str, call: int) -> int:
        folder = tmp_path / f"{side}-{call}"
        folder.mkdir()
        assert live(folder, side, str(call)).code == -signal.SIGKILL
        return len(logs(folder))

    committing = next(call for call in range(1, 20) if runs_when_killed("after", call))
    assert runs_when_killed("before", committing) == 0
    assert runs_when_killed("amid", committing) == 0
