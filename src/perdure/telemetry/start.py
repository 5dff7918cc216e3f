"""The span of a start: in the process that starts, below its caller's. The run's own spans, wherever, are below it."""

from types import TracebackType

from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer

from perdure.engine.telemetry import StartTelemetry
from perdure.model.ids import RunId
from perdure.telemetry.error import mark_failed, type_of
from perdure.telemetry.trace import headers_of, ns


class StartSpan(StartTelemetry):
    """Lasts until the run is durable."""

    __slots__ = ("_span",)

    def __init__(self, tracer: Tracer, workflow: str) -> None:
        self._span = tracer.start_span(
            f"start {workflow}", kind=SpanKind.PRODUCER, attributes={"perdure.workflow": workflow}
        )

    @property
    def trace(self) -> dict[str, str]:
        return headers_of(self._span)

    def found(self, run_id: RunId, *, created: bool) -> None:
        self._span.set_attributes({"perdure.run.id": run_id, "perdure.run.created": created})

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            mark_failed(self._span, type_of(error))
        self._span.end()


def origin(tracer: Tracer, workflow: str, run_id: RunId, at_ms: int) -> dict[str, str]:
    """Of a start that nobody has told of: made by the worker that takes the run first. Returns what the run carries on."""
    nowhere = Context()
    span = tracer.start_span(
        f"start {workflow}",
        nowhere,
        SpanKind.PRODUCER,
        {"perdure.workflow": workflow, "perdure.run.id": run_id},
        start_time=ns(at_ms),
    )
    span.end(ns(at_ms))
    return headers_of(span, nowhere)
