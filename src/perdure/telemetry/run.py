"""One run's spans and metrics, from what lands in its log.

Its span is made at the end, by the worker whose append ended it, from the times in the log: whoever owned the run before
has told nothing of it. A step that lies in a queue is a run too, but people see the step: it has no span but its attempts'.
"""

from collections.abc import Mapping, Sequence

from opentelemetry.context import Context, attach
from opentelemetry.trace import SpanKind, Tracer
from opentelemetry.util.types import AttributeValue

from perdure.core.pending import OpenStep
from perdure.engine.running import BUILT_IN
from perdure.engine.telemetry import RunTelemetry, StepTelemetry, Trace, TracedAttempt
from perdure.model.event import (
    ENDS,
    Event,
    RunBlocked,
    RunCreated,
    RunFailed,
    RunResumed,
    RunRetried,
    RunStarted,
    StepCompleted,
    StepFailed,
    StepRetrying,
)
from perdure.model.ids import RunId
from perdure.model.queue import DEFAULT, queue_of
from perdure.telemetry.error import mark_failed, type_name
from perdure.telemetry.instruments import Instruments
from perdure.telemetry.step import begin
from perdure.telemetry.trace import context_of, ns

Ended = StepCompleted | StepFailed | StepRetrying


class RunSpans(RunTelemetry):
    """Of a run that lives in this worker."""

    __slots__ = (
        "_began_ms", "_created", "_due_ms", "_instruments", "_of", "_read", "_run_id", "_steps", "_trace", "_tracer",
    )  # fmt: skip

    def __init__(
        self,
        tracer: Tracer,
        instruments: Instruments,
        run_id: RunId,
        trace: Trace,
        events: Sequence[Event],
        steps: Mapping[str, OpenStep],
    ) -> None:
        self._tracer, self._instruments, self._run_id, self._trace = tracer, instruments, run_id, trace
        self._read: Context | None = None
        created = events[0].fact
        assert isinstance(created, RunCreated), "L1: a log begins with run_created"
        self._created, self._steps = created, steps
        self._due_ms = max(created.due_ms or 0, events[0].at_ms)
        began_ms = [event.at_ms for event in events if isinstance(event.fact, RunStarted | RunRetried)]
        self._began_ms = max([events[0].at_ms, *began_ms[-1:]])  # a fork's start is another run's, before it was
        self._of: dict[str, AttributeValue] = (
            {"perdure.workflow": created.workflow}
            if created.step is None
            else {"perdure.queue": queue_of(created.workflow) or DEFAULT}
        )

    def landed(self, events: Sequence[Event]) -> None:
        for event in events:
            match event.fact:
                case StepCompleted() | StepFailed() | StepRetrying():
                    if event.mail_id is None:  # else it ran in a queue, and was told there
                        self._attempt_ended(event.key, event.fact)
                case RunStarted():
                    self._started(event.at_ms)
                case RunResumed(recovered=True):
                    self._instruments.recoveries.add(1, self._of)
                case RunBlocked():
                    self._count("blocked")
                case end if isinstance(end, ENDS):
                    self._ended(event)
                case _:
                    pass

    def streamed(self, chunks: int) -> None:
        self._instruments.chunks.add(chunks, self._of)

    def attempt(self, attempt: TracedAttempt) -> StepTelemetry:
        if not attempt.takes_slot:  # what our own steps start belongs to the run
            attach(self._context)
            return super().attempt(attempt)
        waited_s = attempt.loop.time() - attempt.asked_at
        self._instruments.step_latency.record(waited_s, {"perdure.step.name": attempt.step_name})
        return begin(self._tracer, self._context, attempt, self._of)

    # -- inside

    @property
    def _context(self) -> Context:
        """Where the run was started."""
        if self._read is None:
            self._read = context_of(self._trace)
        return self._read

    def _started(self, at_ms: int) -> None:
        self._began_ms = at_ms
        waited_s = max(0, at_ms - self._due_ms) / 1000
        step = self._created.step
        if step is None:
            self._count("started")
            if self._created.forked_from is None:  # else it began elsewhere, and didn't wait for that
                self._instruments.run_latency.record(waited_s, self._of)
        else:
            self._instruments.queue_latency.record(waited_s, {**self._of, "perdure.step.name": step.name})

    def _ended(self, end: Event) -> None:
        created, fact = self._created, end.fact
        if created.step is not None:
            return
        status = fact.type.removeprefix("run_")
        self._count(status)
        attributes = {**self._of, "perdure.run.status": status}
        self._instruments.run_duration.record((end.at_ms - self._began_ms) / 1000, attributes)
        attributes["perdure.run.id"] = self._run_id
        if created.parent_id is not None:
            attributes["perdure.run.parent_id"] = created.parent_id
        if created.rerun_of is not None:
            attributes["perdure.run.rerun_of"] = created.rerun_of
        name, began = f"run {created.workflow}", ns(self._began_ms)
        span = self._tracer.start_span(name, self._context, SpanKind.CONSUMER, attributes, start_time=began)
        if isinstance(fact, RunFailed):
            mark_failed(span, type_name(fact.error.type))
        span.end(ns(end.at_ms))

    def _count(self, status: str) -> None:
        self._instruments.runs.add(1, {**self._of, "perdure.run.status": status})

    def _attempt_ended(self, key: str, fact: Ended) -> None:
        step = self._steps.get(key)
        if step is None or step.name.startswith(BUILT_IN):
            return
        outcome = fact.type.removeprefix("step_")
        attributes = {"perdure.step.name": step.name, "perdure.step.outcome": outcome}
        self._instruments.step_duration.record(fact.duration_ms / 1000, attributes)
        if outcome != "retrying":
            self._instruments.step_attempts.record(fact.attempt, attributes)
