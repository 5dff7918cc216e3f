"""W4: one run whose steps all start at once: how well the steps of one run share a commit."""

import statistics
import time

from benchmarks.system import opened
from benchmarks.workload import Figures, Metric, Trial, Workload, times


def measure(trial: Trial) -> Figures:
    times_s: list[float] = []
    with opened(trial) as system:
        for _ in range(trial.size["runs"]):
            begun_at_s = time.perf_counter()
            system.parallel(trial.size["steps"])
            times_s.append(time.perf_counter() - begun_at_s)
    return {"ms": statistics.median(times_s) * 1000}


WORKLOAD = Workload(
    name="W4",
    text="one run, {steps} parallel steps",
    metrics=(
        Metric(
            key="ms",
            text="start → result",
            unit="ms",
            bars=(times("≤", 2, "floor", "W1", "twenty_steps_ms", "floor's 20 steps of W1"),),
        ),
    ),
    measure=measure,
    size={"steps": 200, "runs": 5},
    quick={"steps": 200, "runs": 1},
    needs=("W1",),
)
