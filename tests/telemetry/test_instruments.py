"""The metrics: their names, units and buckets are the documented ones."""

import re
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from perdure.telemetry.instruments import ATTEMPTS, LONG_S, SHORT_S, SIZES, Instruments

PAGE = Path(__file__).parents[2] / "docs/how-to/telemetry.md"
HISTOGRAMS = {
    "perdure.run.duration": LONG_S,
    "perdure.run.latency": SHORT_S,
    "perdure.queue.latency": SHORT_S,
    "perdure.step.duration": LONG_S,
    "perdure.step.latency": SHORT_S,
    "perdure.step.attempts": ATTEMPTS,
    "perdure.commit.size": SIZES,
    "perdure.commit.duration": SHORT_S,
}


def test_each_is_documented_with_its_unit() -> None:
    reader = InMemoryMetricReader()
    made = Instruments(MeterProvider([reader], shutdown_on_exit=False).get_meter("test"))
    made.hooks.count = 1
    for instrument in vars(made).values():
        if hasattr(instrument, "record"):
            instrument.record(3)
        elif hasattr(instrument, "add"):
            instrument.add(1)
    data = reader.get_metrics_data()
    assert data is not None
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    section = PAGE.read_text(encoding="utf-8").partition("## Metrics")[2]
    documented = dict(re.findall(r"^\| `(perdure\.[a-z._]+)` \| (\S+) \|", section, re.MULTILINE))
    assert {metric.name: metric.unit.strip("{}") for metric in metrics} == documented
    buckets = {
        metric.name: tuple(point.explicit_bounds)
        for metric in metrics
        for point in metric.data.data_points
        if hasattr(point, "explicit_bounds")
    }
    assert buckets == HISTOGRAMS
