"""A real process as a stage: what its steps do is in the ledger's file, with the worker and the epoch in which they ran."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from perdure import close, configure, get_writable, start, step, workflow
from perdure.api.connect import CONNECTION
from perdure.engine.engine import Engine
from perdure.engine.registry import Registry
from perdure.errors import StreamClosed
from perdure.testing.history.ledger import LedgerFile
from perdure.testing.history.stage import ProcessStage, true_clock_ms
from perdure.testing.simulation import stage as stages
from perdure.testing.simulation.effect import begin, drain, put, shaken
from perdure.testing.simulation.stage import enter
from perdure.worlds.memory import MemoryWorld

pytestmark = pytest.mark.anyio


@step(name="staged:act")
async def act(token: str) -> int:
    return begin(token)


@step(name="staged:threaded")
def threaded() -> int:
    return begin()


@step(name="staged:pour")
async def pour() -> list[bool]:
    out = get_writable(str)
    first = await put(out)
    await drain(out, first)
    await put(out, end=True)
    try:
        await put(out)
    except StreamClosed:
        return [shaken()]
    return []


@workflow(name="staged:all")
async def everything() -> list[object]:
    return [await act("token"), await threaded(), await pour()]


@contextmanager
def alone(ledger: LedgerFile, engine: Engine, failing: float) -> Iterator[None]:
    kept = list(stages._real)
    enter(ProcessStage(engine, ledger, failing))
    try:
        yield
    finally:
        stages._real[:] = kept


async def test_what_steps_do_is_in_the_ledger(tmp_path: Path) -> None:
    configure(world="memory://")
    ledger = LedgerFile(tmp_path / "ledger.db")
    try:
        engine = await CONNECTION.engine(work=True)
        before_ms = true_clock_ms()
        with alone(ledger, engine, failing=1.0):
            run = await start(everything)
            assert await run.result() == [1, 1, [True]]
        assert engine.worker is not None
        acted, by_thread, *_ = ledger.all_begun()
        assert (acted.run_id, acted.step, acted.attempt, acted.told) == (run.run_id, "staged:act", 1, ("token",))
        assert (acted.worker_id, acted.epoch) == (engine.worker.worker_id, 1)
        assert before_ms <= acted.at_ms <= by_thread.at_ms <= true_clock_ms()
        first, end = ledger.all_written()
        assert (first.stream, first.drained, first.kept, first.epoch, first.writer) == ("", True, False, 1, run.run_id)
        assert first.data is not None
        assert b"chunk 1 of wrkr_" in first.data
        assert (end.data, end.drained) == (None, False)
    finally:
        await close()


async def test_nobody_fails_without_a_chance() -> None:
    stage = ProcessStage(Engine(MemoryWorld(), Registry()), LedgerFile(Path(":memory:")), 0.0)
    assert not any(stage.fails() for _ in range(100))


async def test_a_crash_is_a_sigkill() -> None:
    code = (
        "import asyncio; from pathlib import Path; from perdure.engine.engine import Engine\n"
        "from perdure.engine.registry import Registry; from perdure.testing.history.ledger import LedgerFile\n"
        "from perdure.testing.history.stage import ProcessStage; from perdure.worlds.memory import MemoryWorld\n"
        "async def main(): ProcessStage(Engine(MemoryWorld(), Registry()), LedgerFile(Path(':memory:')), 0).crash()\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL


async def test_the_true_clock_doesnt_believe_in_a_skewed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms = true_clock_ms()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert 0 <= true_clock_ms() - now_ms < 60_000
