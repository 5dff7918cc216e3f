"""Telemetry for OpenTelemetry: which tracer and which meter it goes to. Providers are the application's matter."""

from collections.abc import Coroutine, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from opentelemetry import metrics, trace

from perdure.core.pending import OpenStep
from perdure.engine.telemetry import RunTelemetry, StartTelemetry, Telemetry, Trace
from perdure.model.event import Event
from perdure.model.ids import RunId
from perdure.telemetry.instruments import Instruments
from perdure.telemetry.run import RunSpans
from perdure.telemetry.start import StartSpan, origin
from perdure.world.world import World

NAME = "perdure"


class OpenTelemetry(Telemetry):
    """Without providers of its own it uses the global ones, also where these are set later."""

    __slots__ = ("_instruments", "_tracer")

    def __init__(
        self, tracers: trace.TracerProvider | None = None, meters: metrics.MeterProvider | None = None
    ) -> None:
        self._tracer = trace.get_tracer(NAME, version(NAME), tracers)
        self._instruments = Instruments(metrics.get_meter(NAME, version(NAME), meters))

    def start(self, workflow: str) -> StartTelemetry:
        return StartSpan(self._tracer, workflow)

    def origin(self, workflow: str, run_id: RunId, at_ms: int) -> dict[str, str]:
        return origin(self._tracer, workflow, run_id, at_ms)

    def run(self, run_id: RunId, trace: Trace, events: Sequence[Event], steps: Mapping[str, OpenStep]) -> RunTelemetry:
        return RunSpans(self._tracer, self._instruments, run_id, trace, events, steps)

    def committed(self, operations: int, seconds: float) -> None:
        self._instruments.commit_size.record(operations)
        self._instruments.commit_duration.record(seconds)

    def watching(self, world: World) -> Coroutine[Any, Any, None]:
        return self._instruments.hooks.watch(world)


@cache
def of_this_process() -> OpenTelemetry:
    """The one for the global providers: instruments are made once."""
    return OpenTelemetry()
