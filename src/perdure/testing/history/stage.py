"""A real process as the stage of its steps: what they do goes into the ledger's file, and chance decides who fails."""

import os
import signal
import time
from collections.abc import Sequence
from itertools import count
from random import Random
from typing import NamedTuple

from perdure.engine.engine import Engine
from perdure.model.ids import RunId, WorkerId
from perdure.replay.scope import Attempt
from perdure.testing.history.ledger import Begun, LedgerFile
from perdure.testing.simulation.ledger import Written


def true_clock_ms() -> int:
    """Milliseconds since the epoch, whatever a test has made of the clock in Python's `time`."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) // 1_000_000


class _Place(NamedTuple):
    """A line of the ledger."""

    written: Written
    number: int


class ProcessStage:
    """One for the process; `failing`: how likely an attempt fails."""

    def __init__(self, engine: Engine, ledger: LedgerFile, failing: float) -> None:
        self.random = Random()
        self._engine, self._ledger, self._failing = engine, ledger, failing
        self._names = count(1)
        self._places: list[_Place] = []

    def begin(self, attempt: Attempt, told: tuple[str, ...]) -> int:
        at_ms = true_clock_ms()
        return self._ledger.begin(
            Begun(
                run_id=attempt.holder,
                step_id=attempt.step_id,
                step=attempt.step_name,
                attempt=attempt.attempt,
                worker_id=self._worker_id,
                epoch=self._epoch_of(attempt.holder),
                at_ms=at_ms,
                told=told,
            )
        )

    def fails(self) -> bool:
        return self.random.random() < self._failing

    def crash(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def chunk_name(self) -> str:
        return f"chunk {next(self._names)} of {self._worker_id}"

    def write(self, attempt: Attempt, run_id: RunId, stream: str, data: bytes | None, *, kept: bool) -> Written:
        """Before the chunk is on its way: whoever is killed in between has at least meant to write it."""
        written = Written(
            run_id=run_id,
            stream=stream,
            data=data,
            writer=attempt.holder,
            step_id=attempt.step_id,
            attempt=attempt.attempt,
            worker_id=self._worker_id,
            epoch=self._epoch_of(attempt.holder),
            kept=kept,
        )
        self._places.append(_Place(written, self._ledger.write(written)))
        return written

    def unwrite(self, written: Written) -> None:
        self._ledger.unwrite(self._place_of(written))

    def drained(self, written: Sequence[Written]) -> None:
        self._ledger.drained([self._place_of(one) for one in written])

    def _place_of(self, written: Written) -> int:
        return next(place.number for place in reversed(self._places) if place.written is written)

    @property
    def _worker_id(self) -> WorkerId:
        assert self._engine.worker is not None, "only workers run steps"
        return self._engine.worker.worker_id

    def _epoch_of(self, run_id: RunId) -> int | None:
        run = self._engine.worker.runs.get(run_id) if self._engine.worker is not None else None
        return None if run is None else run.outbox.epoch
