"""One attempt of a step while it runs, or waits for a slot; also the scope that the step's function finds."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from msgspec import Raw

from perdure.codec.value import encode
from perdure.core.pending import OpenStep
from perdure.model.definition import StepDefinition
from perdure.model.ids import RunId
from perdure.replay.scope import Attempt


class StepOwner(Protocol):
    """The run that an attempt belongs to."""

    run_id: RunId

    def step_succeeded(self, running: "Running", result: bytes) -> None: ...

    def step_failed(self, running: "Running", definition: StepDefinition | None, error: BaseException) -> None: ...

    def step_progressed(self, running: "Running", progress: bytes) -> None: ...

    def step_set_attributes(self, running: "Running", changes: dict[str, str | None]) -> None: ...


class Running(Attempt):
    """`task` is None while it waits for a slot; `thread` is set while a sync body holds one."""

    __slots__ = ("_beat_at", "_loop", "began_at", "cancelled", "owner", "silent", "step", "task", "thread", "watch")

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: StepOwner, step: OpenStep, attempt: int) -> None:
        super().__init__(owner.run_id, step.key, step.name, attempt, step.first_at_ms, step.progress)
        self._loop, self.owner, self.step = loop, owner, step
        self.task: asyncio.Task[None] | None = None
        self.thread: asyncio.Future[Any] | None = None
        self.watch: asyncio.TimerHandle | None = None
        self.cancelled = self.silent = False
        self.began_at = 0.0

    def duration_ms(self) -> int:
        """How long it has run, by this worker's clock: the log's own times are those of the commits."""
        return round((self._loop.time() - self.began_at) * 1000)

    # -- what the step says

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def beat(self, progress: Any) -> None:
        data = None if progress is None else encode(progress, "progress")
        self._say(lambda: self._beaten(data))

    def set_attributes(self, changes: dict[str, str | None]) -> None:
        self._say(lambda: self.owner.step_set_attributes(self, changes))

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
            self._beat_at = self._loop.time()
            self._look(limit_s)

    def _beaten(self, progress: bytes | None) -> None:
        self._beat_at = self._loop.time()
        if progress is not None and not self.cancelled:
            self.step.progress = Raw(progress)
            self.owner.step_progressed(self, progress)

    def _look(self, limit_s: float) -> None:
        left_s = self._beat_at + limit_s - self._loop.time()
        if left_s > 0:
            self.watch = self._loop.call_later(left_s, self._look, limit_s)
        elif self.task is not None:
            self.silent = True
            self.task.cancel()
