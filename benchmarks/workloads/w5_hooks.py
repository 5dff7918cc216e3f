"""W5: from a payload's sending to the end of the run that waits for it, one run after another."""

from benchmarks.latency import METRICS, NEEDS, percentiles
from benchmarks.system import opened
from benchmarks.workload import Figures, Trial, Workload


def measure(trial: Trial) -> Figures:
    with opened(trial) as system:
        return percentiles(system.signals(trial.size["runs"]))


WORKLOAD = Workload(
    name="W5",
    text="a payload sent → run ended",
    metrics=METRICS,
    measure=measure,
    size={"runs": 300},
    quick={"runs": 30},
    needs=NEEDS,
)
