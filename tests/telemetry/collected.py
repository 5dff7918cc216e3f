"""What a process has told OpenTelemetry, kept in memory."""

from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from perdure.telemetry.telemetry import OpenTelemetry


class Collected:
    """Providers of its own, as one process has them; `telemetry` tells them. `tracer` is the application's."""

    def __init__(self) -> None:
        self._exporter, self._reader = InMemorySpanExporter(), InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.telemetry = OpenTelemetry(self.tracers, MeterProvider([self._reader], shutdown_on_exit=False))
        self.tracer = self.tracers.get_tracer("app")

    @property
    def spans(self) -> list[ReadableSpan]:
        """Those that have ended, in that order."""
        return list(self._exporter.get_finished_spans())

    def named(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        [span] = self.named(name)
        return span

    def metrics(self) -> dict[str, list[Any]]:
        """The data points of each metric."""
        return {metric.name: list(metric.data.data_points) for metric in self._metrics()}

    def told(self, name: str) -> dict[tuple[Any, ...], Any]:
        """A metric by the values of its attributes, these in the order of their names: a number, or count and sum."""
        points = self.metrics().get(name, [])
        return {
            tuple(value for _, value in sorted(point.attributes.items())): (
                point.value if hasattr(point, "value") else (point.count, point.sum)
            )
            for point in points
        }

    def everything(self) -> str:
        """All that would leave the process, as text."""
        return "\n".join([*(span.to_json() for span in self.spans), *(metric.to_json() for metric in self._metrics())])

    def _metrics(self) -> Iterator[Any]:
        data = self._reader.get_metrics_data()
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                yield from scope.metrics


def parent_of(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


def below(span: ReadableSpan, parent: ReadableSpan) -> bool:
    """Whether it is a child of that one, in the same trace."""
    return parent_of(span) == id_of(parent) and trace_id_of(span) == trace_id_of(parent)


def id_of(span: ReadableSpan) -> int:
    return span.context.span_id


def trace_id_of(span: ReadableSpan) -> int:
    return span.context.trace_id


def leads_to(trace: dict[str, str], span: ReadableSpan) -> bool:
    """Whether these headers are that span's."""
    return trace["traceparent"].startswith(f"00-{trace_id_of(span):032x}-{id_of(span):016x}-")


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
