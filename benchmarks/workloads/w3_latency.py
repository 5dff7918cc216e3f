"""W3: from the start of a run of one step to its result, one run after another: what a caller waits for."""

import statistics

from benchmarks.system import opened
from benchmarks.workload import Figures, Metric, Trial, Workload, times


def measure(trial: Trial) -> Figures:
    with opened(trial) as system:
        times_s = system.one_by_one(trial.size["runs"])
    percentiles_s = statistics.quantiles(times_s, n=100)
    return {"p50_ms": percentiles_s[49] * 1000, "p99_ms": percentiles_s[98] * 1000}


WORKLOAD = Workload(
    name="W3",
    text="start → result of one step",
    metrics=(
        Metric(
            key="p50_ms", text="p50", unit="ms", bars=(times("≤", 4, "floor", "commit", "p50_ms", "floor's commit"),)
        ),
        Metric(key="p99_ms", text="p99", unit="ms"),
    ),
    measure=measure,
    size={"runs": 500},
    quick={"runs": 50},
    needs=("commit",),
)
