"""W5: from a payload's sending to the end of the run that waits for it, one run after another."""

import statistics

from benchmarks.system import opened
from benchmarks.workload import Figures, Metric, Trial, Workload, times


def measure(trial: Trial) -> Figures:
    with opened(trial) as system:
        times_s = system.signals(trial.size["runs"])
    percentiles_s = statistics.quantiles(times_s, n=100)
    return {"p50_ms": percentiles_s[49] * 1000, "p99_ms": percentiles_s[98] * 1000}


WORKLOAD = Workload(
    name="W5",
    text="a payload sent → run ended",
    metrics=(
        Metric(
            key="p50_ms", text="p50", unit="ms", bars=(times("≤", 4, "floor", "commit", "p50_ms", "floor's commit"),)
        ),
        Metric(key="p99_ms", text="p99", unit="ms"),
    ),
    measure=measure,
    size={"runs": 300},
    quick={"runs": 30},
    needs=("commit",),
)
