"""One attempt of a step while it runs, or waits for a slot; also the scope that the step's function finds."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from msgspec import Raw

from perdure.codec.value import encode
from perdure.core.pending import OpenStep
from perdure.engine.capture import Capture
from perdure.engine.stream import NOWHERE, Piece, Place
from perdure.engine.telemetry import RunTelemetry, StepTelemetry
from perdure.engine.timers import Timer, Timers
from perdure.errors import StreamClosed
from perdure.model.definition import StepDefinition
from perdure.model.ids import RunId
from perdure.model.log import LOG
from perdure.replay.scope import Attempt
from perdure.world.operation import Append, Outcome
from perdure.world.transaction import Transaction

BUILT_IN = "perdure:"
"""How the names of our own steps begin. They wait for other runs, whose steps want slots: they take none themselves."""


class Opened:
    """An attempt's open transaction. `over` is called once, when it has ended, in whichever way; `limit_ms` 0: none."""

    __slots__ = ("_over", "_transaction", "limit_ms")

    def __init__(self, transaction: Transaction, limit_ms: int, over: Callable[[], None]) -> None:
        self._transaction, self.limit_ms, self._over = transaction, limit_ms, over

    @property
    def connection(self) -> Any:
        return self._transaction.connection

    async def commit(self, append: Append) -> Outcome:
        return await self._transaction.commit(append)

    def end(self) -> None:
        """What wasn't committed is rolled back. Harmless to repeat."""
        over, self._over = self._over, _over_already
        self._transaction.rollback()
        over()


class Encloses(Protocol):
    """The run's side of transactional steps."""

    async def open(self, running: "Running", definition: StepDefinition) -> None: ...


class Takes(Protocol):
    """Where a run's chunks go."""

    def write(self, piece: Piece) -> None: ...


class StepOwner(Protocol):
    """The run that an attempt belongs to. `step_of`: the one whose step it is, as the step itself sees it; `workflow`:
    whose body called it, empty where nobody here knows."""

    run_id: RunId
    step_of: RunId
    telemetry: RunTelemetry
    workflow: str

    @property
    def stream(self) -> Takes: ...

    @property
    def enclosure(self) -> Encloses: ...

    def slot_came(self, running: "Running") -> None: ...

    def step_succeeded(self, running: "Running", result: bytes) -> None: ...

    def step_failed(self, running: "Running", definition: StepDefinition | None, error: BaseException) -> None: ...

    def step_progressed(self, running: "Running", progress: bytes) -> None: ...

    def step_wrote(self, running: "Running", piece: Piece, *, kept: bool) -> bool: ...

    async def step_drains(self, running: "Running", place: Place) -> None: ...

    def step_set_attributes(self, running: "Running", changes: dict[str, str | None]) -> None: ...


class Running(Attempt):
    """`attempt` is 0 until it has a slot, `task` None until it may go; `thread` is set while a sync body holds one.

    `begun`: the task runs, so it will see to its own end. `careful`: its start is committed before its body runs.
    `opened`: the transaction of an attempt that has one. `capture`: what it logs, where that is asked for. `telemetry` hears
    of its end, if it has heard of its beginning.
    """

    # Most attempts never have any of it: no slots, so that what stays as it is costs nothing.
    task: asyncio.Task[None] | None = None
    thread: asyncio.Future[Any] | None = None
    watch: Timer | None = None
    opened: Opened | None = None
    capture: Capture | None = None
    begun = cancelled = silent = careful = False
    began_at = _beat_at = 0.0
    kept: list[Piece] | None = None
    kept_closed = NOWHERE
    telemetry = StepTelemetry()

    def __init__(self, loop: asyncio.AbstractEventLoop, timers: Timers, owner: StepOwner, step: OpenStep) -> None:
        super().__init__(owner.step_of, step.key, step.name, 0, step.first_at_ms, step.progress)
        self._loop, self.timers, self.owner, self.step = loop, timers, owner, step
        self.takes_slot = not step.name.startswith(BUILT_IN)
        self.asked_at = loop.time()

    def duration_ms(self) -> int:
        """How long it has run, by this worker's clock: the log's own times are those of the commits."""
        return round((self._loop.time() - self.began_at) * 1000)

    def capture_from(self, level: int) -> None:
        """Keep what it logs from now on, from this level on."""
        self.capture = Capture(self._loop.call_soon_threadsafe, self._write_line, self.step_name, level)

    def over(self) -> None:
        """It has ended, or never will begin; harmless to repeat. What it still says is nobody's."""
        self.task = None  # whose context holds the attempt: a circle, left to Python's collector with all in it
        if self.capture is not None:
            capture, self.capture = self.capture, None
            capture.end()

    # -- what the step says

    def logged(self, record: logging.LogRecord) -> None:
        capture = self.capture
        if capture is not None:
            capture.take(record)

    @property
    def workflow(self) -> str:
        return self.owner.workflow

    @property
    def holder(self) -> RunId:
        return self.owner.run_id

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    @property
    def in_transaction(self) -> bool:
        return self.opened is not None

    @property
    def connection(self) -> Any:
        return None if self.opened is None else self.opened.connection

    def beat(self, progress: Any) -> None:
        data = None if progress is None else encode(progress, "progress")
        self._say(lambda: self._beaten(data))

    def write(self, run_id: RunId, stream: str, data: bytes | None, *, kept: bool = False) -> bool:
        piece = Piece(Place(run_id, stream), data, self.step_id, self.attempt)
        return self.owner.step_wrote(self, piece, kept=kept or self.in_transaction)

    async def drain(self, run_id: RunId, stream: str) -> None:
        if not self.in_transaction:  # else all of it waits for the completion
            await self.owner.step_drains(self, Place(run_id, stream))

    def set_attributes(self, changes: dict[str, str | None]) -> None:
        self._say(lambda: self.owner.step_set_attributes(self, changes))

    def _write_line(self, line: bytes) -> None:
        """Beside a transaction of its own, and whatever becomes of the attempt."""
        with suppress(StreamClosed):  # the run that it is of has ended: it lies in a queue
            self.owner.stream.write(Piece(Place(self.run_id, LOG), line, self.step_id, self.attempt))

    def _say(self, call: Callable[[], None]) -> None:
        """Call on the worker's loop: at once when there already, else from the step's thread."""
        if self.thread is None:
            call()
        else:
            self._loop.call_soon_threadsafe(call)

    # -- silence

    def listen(self, limit_s: float) -> None:
        """Cancel the attempt when it has sent no heartbeat for so long; 0: it need not."""
        if limit_s:
            self._beat_at = self.timers.time()
            self._look(limit_s)

    def _beaten(self, progress: bytes | None) -> None:
        self._beat_at = self.timers.time()
        if progress is not None and not self.cancelled:
            self.step.progress = Raw(progress)
            self.owner.step_progressed(self, progress)

    def _look(self, limit_s: float) -> None:
        left_s = self._beat_at + limit_s - self.timers.time()
        if left_s > 0:
            self.watch = self.timers.after(left_s, self._look, limit_s)
        elif self.task is not None:
            self.silent = True
            self.task.cancel()


def _over_already() -> None:
    """It has ended before."""
