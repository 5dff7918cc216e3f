"""One run's steps: which to begin, which attempt it is, what its outcome becomes in the log.

Steps begin when the whole turn is answered, the log is replayed to its end, and no child waits to be registered (L5).
The start of the first attempt is recorded with `step_created`; at-most-once steps, and every step of a run on
probation, have each start committed before the body runs (S3, O6). A step whose queue this worker doesn't serve is sent
there instead (see `queue`).
"""

from collections.abc import Callable
from typing import Protocol

from msgspec import Raw
from msgspec.structs import replace

from perdure.codec.failure import to_failure
from perdure.core.pending import OpenStep, Pending
from perdure.engine.append import Header
from perdure.engine.host import Host
from perdure.engine.queue import send
from perdure.engine.retry import after_failure
from perdure.engine.running import Running
from perdure.engine.stream import Outflow, Piece, Place, closed
from perdure.engine.telemetry import RunTelemetry
from perdure.engine.transaction import Enclosure
from perdure.engine.wait import Waits
from perdure.errors import StepInterrupted
from perdure.model.definition import StepDefinition, WorkflowDefinition
from perdure.model.event import (
    AttributesSet,
    Event,
    Fact,
    StepCompleted,
    StepFailed,
    StepHeartbeat,
    StepRetrying,
    StepStarted,
    StepStopped,
)
from perdure.model.ids import RunId
from perdure.world.operation import Start

PROGRESS_EVERY_MS = 1000
NO_STEPS: frozenset[str] = frozenset()


class StepRun(Protocol):
    """The run whose steps these are."""

    run_id: RunId
    header: Header
    definition: WorkflowDefinition
    host: Host
    pending: Pending
    waits: Waits
    stream: Outflow
    enclosure: Enclosure
    telemetry: RunTelemetry
    careful: bool

    def arrive(self, key: str, fact: Fact) -> None: ...

    def note(self, key: str, fact: Fact, *, urgent: bool, start: Start | None = None) -> None: ...


class Attempts:
    """The open steps of one live run."""

    __slots__ = (
        "_closed", "_held", "_lingering", "_noted_at_ms", "_run", "_running", "_starting", "enclosure", "run_id",
        "step_of", "stream", "telemetry", "workflow",
    )  # fmt: skip

    def __init__(self, run: StepRun) -> None:
        self._run = run
        self.run_id, self.step_of = run.run_id, run.header.step_of
        self.enclosure, self.stream = run.enclosure, run.stream
        self.workflow = run.definition.name if run.header.step is None else ""
        self.telemetry = run.telemetry
        self._held: list[str] = []
        self._running: dict[str, Running] = {}
        self._starting: dict[str, Running] = {}
        self._noted_at_ms: dict[str, int] = {}
        self._lingering = NO_STEPS  # to be retried once the thread of the last attempt has ended
        self._closed = False

    @property
    def busy(self) -> bool:
        """Whether an attempt runs or is about to; a step in back-off doesn't count."""
        return bool(self._running or self._held or self._lingering)

    @property
    def at_work(self) -> bool:
        """Whether an attempt has its slot, or its thread goes on: worth a drain's patience, as a built-in step isn't."""
        return bool(self._lingering) or any(one.attempt and one.takes_slot for one in self._running.values())

    def created(self, key: str) -> None:
        """The body has just called this step."""
        self._run.pending.steps[key].fresh = True
        self._held.append(key)

    def recover(self, awaited: Callable[[str], bool]) -> None:
        """Go on with the steps that the log left open, and that the body still waits for."""
        now_ms = self._run.host.world.now_ms()
        for key, step in self._run.pending.steps.items():
            if not awaited(key) or step.queued is not None or _was_interrupted(self._run, step):
                continue
            if step.retry_at_ms > now_ms:
                self._run.waits.at(key, step.retry_at_ms, self.begin)
            else:
                self._held.append(key)

    def begin_held(self) -> None:
        """Begin what waited for the turn's answer, or for a child to be registered."""
        if self._held:
            held, self._held = self._held, []
            for key in held:
                self.begin(key)

    def landed(self, events: list[Event]) -> None:
        """These events are in the log: begin the attempts whose start had to be committed first, and send anew what was
        cut off in a queue by an end of the run that was taken back."""
        for event in events:
            fact = event.fact
            if type(fact) is StepStarted:
                running = self._starting.get(event.key)
                if running is not None and fact.attempt == running.attempt:
                    del self._starting[event.key]
                    self._run.host.steps.go(running)
            elif type(fact) is StepStopped:
                self._run.pending.see(event.key, fact, event.at_ms)
                step = self._run.pending.steps.get(event.key)
                if step is not None and not _was_interrupted(self._run, step):
                    self.begin(event.key)

    def release(self, key: str) -> None:
        """Nobody waits for this step any more."""
        self._starting.pop(key, None)
        running = self._running.pop(key, None)
        if running is not None:
            self._run.host.steps.cancel(running)

    def close(self) -> None:
        """The run leaves: cancel every attempt, and begin no more."""
        self._closed = True
        self.enclosure.close()
        for key in [*self._running]:
            self.release(key)
        self._held.clear()

    # -- an attempt's outcome

    def step_succeeded(self, running: Running, result: bytes) -> None:
        completed = StepCompleted(attempt=running.attempt, duration_ms=running.duration_ms(), result=Raw(result))
        if running.opened is not None:
            self.enclosure.complete(running, completed)
        elif self._ended(running):
            if running.kept:
                self._run.stream.keep(running.key, running.kept)
            self._run.arrive(running.key, completed)

    def step_failed(self, running: Running, definition: StepDefinition | None, error: BaseException) -> None:
        host = self._run.host
        fact = after_failure(running.step, definition, running.attempt, error, host.world.now_ms(), host.chance())
        fact = replace(fact, duration_ms=running.duration_ms())
        if not self._ended(running):
            return
        if isinstance(fact, StepRetrying):
            self._run.note(running.key, fact, urgent=True)
            self._again(running, fact)
        else:
            self._run.arrive(running.key, fact)

    def step_progressed(self, running: Running, progress: bytes) -> None:
        if self._running.get(running.step.key) is not running:
            return  # its thread speaks on though the attempt is over
        now_ms = self._run.host.world.now_ms()
        if now_ms - self._noted_at_ms.get(running.step.key, 0) >= PROGRESS_EVERY_MS:
            self._noted_at_ms[running.step.key] = now_ms
            heartbeat = StepHeartbeat(attempt=running.attempt, progress=Raw(progress))
            self._run.note(running.step.key, heartbeat, urgent=False)

    def step_wrote(self, running: Running, piece: Piece, *, kept: bool) -> bool:
        """Whether so much waits that it should drain. What is `kept` waits for the completion. Raises: StreamClosed."""
        _refuse_late(self._running, running, piece.place)
        if not kept:
            self._run.stream.write(piece)
            return self._run.stream.full
        self._run.stream.check(piece.place)
        if piece.place in running.kept_closed:
            raise closed(piece.place)
        running.kept = running.kept or []
        running.kept.append(piece)
        if piece.data is None:
            running.kept_closed |= {piece.place}
        return False

    async def step_drains(self, running: Running, place: Place) -> None:
        _refuse_late(self._running, running, place)
        await self._run.stream.drained(place)

    def step_set_attributes(self, running: Running, changes: dict[str, str | None]) -> None:
        if self._running.get(running.step.key) is running:
            self._run.note(running.step.key, AttributesSet(changes=changes, by_step=True), urgent=False)

    def _ended(self, running: Running) -> bool:
        """Whether anybody waited for it; it was released meanwhile, else: a late outcome is dropped."""
        if self._running.get(running.key) is not running:
            return False
        del self._running[running.key]
        return True

    def _again(self, running: Running, fact: StepRetrying) -> None:
        """Retry when the back-off is over, and (a sync body that timed out) its thread has ended."""
        key = running.step.key
        if running.thread is not None and not running.thread.done():
            self._lingering |= {key}
            running.thread.add_done_callback(lambda _: self._again(running, fact))
            return
        self._lingering -= {key}
        if key in self._run.pending.steps and not self._closed:
            self._run.waits.at(key, fact.retry_at_ms, self.begin)

    # -- an attempt's start

    def begin(self, key: str, *, careful: bool = False) -> None:
        """The step's first attempt, or the next, here or in its queue; harmless where it is over, or under way. `careful`:
        with its start committed before its body."""
        run = self._run
        step = run.pending.steps.get(key)
        if step is None or key in self._running or step.queued is not None:
            return
        host = run.host
        queue = host.service.queue_of(step.name) if run.header.step is None else None
        if queue is not None:
            send(run, step, queue)
            return
        running = self._running[key] = Running(host.loop, host.timers, self, step)
        if careful:
            running.careful = True
        host.steps.begin(running)

    def slot_came(self, running: Running) -> None:
        """The attempt may run: record that it begins, before its body where that has to be committed first.

        Not earlier: what only waits for a slot has not begun, and isn't interrupted by the end of its worker.
        """
        run, step = self._run, running.step
        committed_first = step.at_most_once or run.careful or running.careful
        implied, running.attempt, step.fresh = step.fresh, step.next_attempt, False
        if committed_first:
            self._starting[step.key] = running
        if committed_first or not implied:
            run.note(step.key, StepStarted(attempt=running.attempt), urgent=committed_first)
        if not committed_first:
            run.host.steps.go(running)


def _was_interrupted(run: StepRun, step: OpenStep) -> bool:
    """Whether it must not be repeated, as its outcome is unknown: that is its outcome then (S3)."""
    if not (step.at_most_once and step.interruptible):
        return False
    interrupted = StepInterrupted(step.name, step.attempts)
    run.arrive(step.key, StepFailed(attempt=step.attempts, error=to_failure(interrupted)))
    return True


def _refuse_late(current: dict[str, Running], running: Running, place: Place) -> None:
    """Its thread speaks on though the attempt is over: that is nobody's. Raises: StreamClosed."""
    if current.get(running.step.key) is not running:
        raise closed(place)
