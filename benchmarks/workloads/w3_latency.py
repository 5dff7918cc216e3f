"""W3: from the start of a run of one step to its result, one run after another: what a caller waits for."""

from benchmarks.latency import METRICS, NEEDS, percentiles
from benchmarks.system import opened
from benchmarks.workload import Figures, Trial, Workload


def measure(trial: Trial) -> Figures:
    with opened(trial) as system:
        return percentiles(system.one_by_one(trial.size["runs"]))


WORKLOAD = Workload(
    name="W3",
    text="start → result of one step",
    metrics=METRICS,
    measure=measure,
    size={"runs": 500},
    quick={"runs": 50},
    needs=NEEDS,
)
