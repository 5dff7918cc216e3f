"""One durable commit of one row, by the floor's own settings: what the disk costs. The unit of other bars."""

import importlib
import statistics

from benchmarks.place import store_of
from benchmarks.workload import Figures, Metric, Trial, Workload


def measure(trial: Trial) -> Figures:
    floor = importlib.import_module(f"benchmarks.floor_{store_of(trial.place)}").SYSTEM(trial.place)
    times_s = floor.one_commit_each(trial.size["commits"])
    return {"p50_ms": statistics.median(times_s) * 1000}


WORKLOAD = Workload(
    name="commit",
    text="one durable commit",
    metrics=(Metric(key="p50_ms", text="p50", unit="ms"),),
    measure=measure,
    size={"commits": 2000},
    quick={"commits": 200},
    systems=("floor",),
)
