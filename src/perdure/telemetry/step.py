"""The span of one attempt of a step: current while the step's function runs, so that what that does is told below it."""

from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from perdure.engine.telemetry import StepTelemetry, TracedAttempt
from perdure.telemetry.error import mark_failed, type_of


class StepSpan(StepTelemetry):
    """Of an attempt that has begun in the running task."""

    __slots__ = ("_span",)

    def __init__(self, span: Span) -> None:
        self._span = span

    def ended(self, error: BaseException | None, *, cancelled: bool) -> None:
        outcome = "cancelled" if cancelled else "completed" if error is None else "failed"
        self._span.set_attribute("perdure.step.outcome", outcome)
        if error is not None and not cancelled:
            mark_failed(self._span, type_of(error))
        self._span.end()


def begin(tracer: Tracer, run: Context, attempt: TracedAttempt, of: dict[str, AttributeValue]) -> StepSpan:
    """Make it, below the run's start, and make it current: for good, as the task that runs now is the attempt's own."""
    attributes = {
        **of,
        "perdure.run.id": attempt.run_id,
        "perdure.step.id": attempt.step_id,
        "perdure.step.name": attempt.step_name,
        "perdure.step.attempt": attempt.attempt,
    }
    span = tracer.start_span(f"step {attempt.step_name}", run, attributes=attributes)
    attach(set_span_in_context(span, run))
    return StepSpan(span)
