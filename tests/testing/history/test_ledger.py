"""The ledger of real processes: a file that several write at once, and that a killed one leaves whole."""

import multiprocessing
from dataclasses import replace
from pathlib import Path

from perdure.model.ids import RunId, StepId, WorkerId
from perdure.testing.history.ledger import Begun, LedgerFile
from perdure.testing.simulation.ledger import Written

RUN, STEP, WORKER = RunId("wrun_1"), StepId("step_1"), WorkerId("wrkr_1")
BEGUN = Begun(run_id=RUN, step_id=STEP, step="do", attempt=1, worker_id=WORKER, epoch=1, at_ms=5, told=("wrun_2", "t"))
WRITTEN = Written(
    run_id=RUN, stream="log", data=b'"a"', writer=RUN, step_id=STEP, attempt=1, worker_id=WORKER, epoch=None, kept=True
)


def test_what_begins_comes_back_and_is_counted(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db")
    other = replace(BEGUN, step_id=StepId("step_2"), epoch=None, told=())
    again = replace(BEGUN, attempt=2)
    assert [ledger.begin(one) for one in (BEGUN, other, again)] == [1, 1, 2]
    ledger.close()
    assert LedgerFile(tmp_path / "ledger.db").all_begun() == [BEGUN, other, again]


def test_chunks_are_written_drained_and_taken_back(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path / "ledger.db")
    end, refused = replace(WRITTEN, data=None, kept=False), replace(WRITTEN, data=b'"b"')
    places = [ledger.write(one) for one in (WRITTEN, end, refused)]
    ledger.unwrite(places[2])
    ledger.drained(places[:1])
    assert ledger.all_written() == [replace(WRITTEN, drained=True), end]


def write(path: Path, count: int) -> None:
    ledger = LedgerFile(path)
    for _ in range(count):
        ledger.begin(BEGUN)


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    spawn, path = multiprocessing.get_context("spawn"), tmp_path / "ledger.db"
    writers = [spawn.Process(target=write, args=(path, 50)) for _ in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert LedgerFile(path).begin(BEGUN) == 151
