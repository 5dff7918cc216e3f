"""W2: many short runs, all started at once: what runs share, and what a step costs the processor."""

import time

from benchmarks.place import server_cpu_s
from benchmarks.process import cpu_s
from benchmarks.system import opened
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload, times


def measure(trial: Trial) -> Figures:
    runs, steps = trial.size["runs"], trial.size["steps"]
    with opened(trial) as system:
        served_s = server_cpu_s(trial.place)
        begun_at_s, cpu_begun_s = time.perf_counter(), cpu_s()
        system.many(runs, steps)
        took_s, cpu_took_s = time.perf_counter() - begun_at_s, cpu_s() - cpu_begun_s
        served_s = server_cpu_s(trial.place) - served_s
    return {
        "steps_per_s": runs * steps / took_s,
        "cpu_us": cpu_took_s / (runs * steps) * 1e6,
        "server_us": served_s / (runs * steps) * 1e6,
    }


WORKLOAD = Workload(
    name="W2",
    text="{runs:,} runs × {steps} steps, at once",
    metrics=(
        Metric(
            key="steps_per_s",
            text="rate",
            unit="steps/s",
            bars=(
                times("≥", 0.25, "floor", "W2", "steps_per_s", "floor"),
                times("≥", 60, "dbos", "W2", "steps_per_s", "DBOS"),
            ),
        ),
        Metric(key="cpu_us", text="CPU per step", unit="µs", bars=(Bar(sign="≤", factor=60),)),
        Metric(key="server_us", text="the server's CPU per step", unit="µs", stores=("postgres",)),
    ),
    measure=measure,
    size={"runs": 4000, "steps": 5},
    quick={"runs": 100, "steps": 5},
)
