"""How long something takes that is done over and over, one after another: its percentiles, and their bar."""

import statistics
from collections.abc import Sequence

from benchmarks.workload import Figures, Metric, times

METRICS = (
    Metric(key="p50_ms", text="p50", unit="ms", bars=(times("≤", 4, "floor", "commit", "p50_ms", "floor's commit"),)),
    Metric(key="p99_ms", text="p99", unit="ms"),
)
NEEDS = ("commit",)


def percentiles(times_s: Sequence[float]) -> Figures:
    """The figures of `METRICS`."""
    cuts_s = statistics.quantiles(times_s, n=100)
    return {"p50_ms": cuts_s[49] * 1000, "p99_ms": cuts_s[98] * 1000}
