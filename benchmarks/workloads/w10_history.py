"""W10: what a step costs with 10, 1,000 and 10,000 steps behind it: a run must not get slower as it gets older.

The mean of 500 steps around each place; those around step 10 come from 25 runs of 20 steps. The last row compares the
dearest place with the cheapest; what it says of the floor, which has no history, is the noise of the machine.
"""

from itertools import pairwise
from statistics import fmean

from benchmarks.system import System, opened
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload

SHORT_RUN = 20


def measure(trial: Trial) -> Figures:
    middle, late = trial.size["middle"], trial.size["late"]
    window = late // 20
    with opened(trial) as system:
        early_us = [cost for _ in range(window // SHORT_RUN) for cost in costs_us(system, SHORT_RUN)]
        whole_us = costs_us(system, late)
    costs = {
        "early_us": fmean(early_us),
        "middle_us": fmean(whole_us[middle - window // 2 : middle + window // 2]),
        "late_us": fmean(whole_us[-window:]),
    }
    return {**costs, "spread": max(costs.values()) / min(costs.values())}


def costs_us(system: System, steps: int) -> list[float]:
    """The time from each step of a new run to the next."""
    system.step_times_s.clear()
    system.sequence(steps)
    return [(later - earlier) * 1e6 for earlier, later in pairwise(system.step_times_s)]


WORKLOAD = Workload(
    name="W10",
    text="one run, {late:,} steps",
    metrics=(
        Metric(key="early_us", text="at step 10", unit="µs/step"),
        Metric(key="middle_us", text="at step {middle:,}", unit="µs/step"),
        Metric(key="late_us", text="at step {late:,}", unit="µs/step"),
        Metric(key="spread", text="dearest ÷ cheapest", unit="", bars=(Bar(sign="≤", factor=1.2),)),
    ),
    measure=measure,
    size={"middle": 1000, "late": 10_000},
    quick={"middle": 200, "late": 1000},
)
