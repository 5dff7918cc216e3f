"""W1: the steps of one run, one after another: the cost of a step that nobody shares a commit with."""

import time

from benchmarks.system import opened
from benchmarks.workload import Figures, Metric, Trial, Workload, times


def measure(trial: Trial) -> Figures:
    steps = trial.size["steps"]
    with opened(trial) as system:
        begun_at_s = time.perf_counter()
        system.sequence(steps)
        took_s = time.perf_counter() - begun_at_s
    return {"steps_per_s": steps / took_s, "twenty_steps_ms": 20 * took_s / steps * 1000}


WORKLOAD = Workload(
    name="W1",
    text="one run, {steps:,} sequential steps",
    metrics=(
        Metric(
            key="steps_per_s",
            text="rate",
            unit="steps/s",
            bars=(
                times("≥", 0.6, "floor", "W1", "steps_per_s", "floor"),
                times("≥", 7, "dbos", "W1", "steps_per_s", "DBOS"),
            ),
        ),
    ),
    measure=measure,
    size={"steps": 1000},
    quick={"steps": 100},
)
