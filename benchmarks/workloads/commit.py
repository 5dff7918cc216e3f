"""One durable commit of one row, by the floor's own settings: what the disk costs. The unit of other bars."""

import statistics
import time

from benchmarks.floor_sqlite import ADD_SLEEPER, connect
from benchmarks.workload import Figures, Metric, Trial, Workload


def measure(trial: Trial) -> Figures:
    connection = connect(trial.folder / "commit.db")
    times_s: list[float] = []
    for number in range(trial.size["commits"]):
        begun_at_s = time.perf_counter()
        connection.execute(ADD_SLEEPER, (f"wrun_{number:026d}", 0))
        times_s.append(time.perf_counter() - begun_at_s)
    connection.close()
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
