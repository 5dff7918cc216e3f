"""What the steps of real processes did: a file beside the store that perdure knows nothing of.

Many processes write to it, and one that is killed leaves what it had written.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import apsw

from perdure.model.ids import RunId, StepId, WorkerId
from perdure.testing.simulation.ledger import Written
from perdure.worlds.sqlite.connection import Connection

_TABLES = """
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS begun (
        place INTEGER PRIMARY KEY, run_id, step_id, step, attempt, worker_id, epoch, at_ms, told
    );
    CREATE INDEX IF NOT EXISTS begun_by_step ON begun (step_id);
    CREATE TABLE IF NOT EXISTS written (
        place INTEGER PRIMARY KEY, run_id, stream, data, writer, step_id, attempt, worker_id, epoch, kept, drained
    );
"""
_BUSY_MS = 60_000


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A step's body has begun at `at_ms`, on a worker that believed that it owned the run in `epoch` (None: it didn't).

    `told`: the ids of runs, and tokens, that it was given.
    """

    run_id: RunId
    step_id: StepId
    step: str
    attempt: int
    worker_id: WorkerId
    epoch: int | None
    at_ms: int
    told: tuple[str, ...] = ()


class LedgerFile:
    """Open for writing and reading; from any thread."""

    def __init__(self, path: Path) -> None:
        connection = apsw.Connection(str(path))
        connection.set_busy_timeout(_BUSY_MS)
        self._connection = cast(Connection, connection)
        self._lock = threading.Lock()
        self._do(f"PRAGMA synchronous = OFF; {_TABLES}")

    def close(self) -> None:
        self._connection.close()

    def begin(self, begun: Begun) -> int:
        """Write it down; how often the step has begun by now."""
        fields = (begun.run_id, begun.step_id, begun.step, begun.attempt, begun.worker_id, begun.epoch, begun.at_ms)
        self._do("INSERT INTO begun VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", *fields, " ".join(begun.told))
        [[count]] = self._do("SELECT count(*) FROM begun WHERE step_id = ?", begun.step_id)
        return count

    def write(self, one: Written) -> int:
        """Write down that a chunk is being written; its place here."""
        fields = (one.run_id, one.stream, one.data, one.writer, one.step_id, one.attempt, one.worker_id, one.epoch)
        values = "(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        [[place]] = self._do(f"INSERT INTO written VALUES {values} RETURNING place", *fields, one.kept, one.drained)
        return place

    def unwrite(self, place: int) -> None:
        """It was refused."""
        self._do("DELETE FROM written WHERE place = ?", place)

    def drained(self, places: Sequence[int]) -> None:
        """The store has them."""
        for place in places:
            self._do("UPDATE written SET drained = 1 WHERE place = ?", place)

    def all_begun(self) -> list[Begun]:
        """In order."""
        rows = self._do(
            "SELECT run_id, step_id, step, attempt, worker_id, epoch, at_ms, told FROM begun ORDER BY place"
        )
        return [
            Begun(
                run_id=run_id,
                step_id=step_id,
                step=step,
                attempt=attempt,
                worker_id=worker_id,
                epoch=epoch,
                at_ms=at_ms,
                told=tuple(told.split()),
            )
            for run_id, step_id, step, attempt, worker_id, epoch, at_ms, told in rows
        ]

    def all_written(self) -> list[Written]:
        """In order."""
        rows = self._do(
            "SELECT run_id, stream, data, writer, step_id, attempt, worker_id, epoch, kept, drained "
            "FROM written ORDER BY place"
        )
        return [
            Written(
                run_id=run_id,
                stream=stream,
                data=data,
                writer=writer,
                step_id=step_id,
                attempt=attempt,
                worker_id=worker_id,
                epoch=epoch,
                kept=bool(kept),
                drained=bool(drained),
            )
            for run_id, stream, data, writer, step_id, attempt, worker_id, epoch, kept, drained in rows
        ]

    def _do(self, sql: str, *arguments: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, arguments).fetchall()
