"""The metrics of one process. Their names and units are in docs/how-to/telemetry.md; attributes are names, never ids."""

from collections.abc import Iterable

from opentelemetry.metrics import CallbackOptions, Histogram, Meter, Observation

from perdure.telemetry.hook import HookCount

SHORT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
LONG_S = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 21_600, 86_400, 604_800, 2_592_000)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ATTEMPTS = (1, 2, 3, 4, 5, 7, 10, 15, 20)
"""Advice: whoever collects them may choose others. OpenTelemetry's own are for milliseconds."""


class Instruments:
    """Made once for a meter: a second gauge under the same name would count everything twice."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        count = meter.create_counter
        self.runs = count("perdure.runs", "{run}", "Runs that were started, have ended, or were blocked")
        self.recoveries = count("perdure.recoveries", "{recovery}", "Runs that were taken over from a dead worker")
        self.chunks = count("perdure.stream.chunks", "{chunk}", "Chunks that were written to streams")
        self.run_duration = self._histogram("perdure.run.duration", "s", "From a run's start to its end", LONG_S)
        self.run_latency = self._histogram("perdure.run.latency", "s", "From when a run is due to its start", SHORT_S)
        self.queue_latency = self._histogram(
            "perdure.queue.latency", "s", "How long a step lay in its queue until a worker of that took it", SHORT_S
        )
        self.step_duration = self._histogram("perdure.step.duration", "s", "How long an attempt of a step took", LONG_S)
        self.step_latency = self._histogram(
            "perdure.step.latency", "s", "How long an attempt waited for a slot", SHORT_S
        )
        self.step_attempts = self._histogram(
            "perdure.step.attempts", "{attempt}", "How many attempts a step took", ATTEMPTS
        )
        self.commit_size = self._histogram(
            "perdure.commit.size", "{operation}", "How many operations shared a commit", SIZES
        )
        self.commit_duration = self._histogram("perdure.commit.duration", "s", "How long a commit took", SHORT_S)
        self.hooks = HookCount()
        meter.create_observable_gauge(
            "perdure.hooks.pending", [self._pending], "{hook}", "Hooks in the world that wait for a payload"
        )

    def _histogram(self, name: str, unit: str, description: str, advice: Iterable[float]) -> Histogram:
        return self._meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=[*advice])

    def _pending(self, options: CallbackOptions) -> list[Observation]:
        return [] if self.hooks.count is None else [Observation(self.hooks.count)]
