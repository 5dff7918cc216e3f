"""W9: W2 done by one, two and four worker processes: that more of them never do less.

A client starts the runs and waits for their results, the workers claim them. The floor's workers share the runs out
among themselves before they begin.
"""

import time

from benchmarks.place import create, sibling
from benchmarks.system import load
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload

KEYS = {1: "one", 2: "two", 4: "four"}
NEVER_LESS = (Bar(sign="≥", factor=0.95),)
"""A twentieth is this measurement's noise."""


def measure(trial: Trial) -> Figures:
    rates = {key: steps_per_s(trial, crew) for crew, key in KEYS.items()}
    return {**rates, "second": rates["two"] / rates["one"], "fourth": rates["four"] / rates["two"]}


def steps_per_s(trial: Trial, crew: int) -> float:
    """On a new store, with so many worker processes."""
    runs, steps = trial.size["runs"], trial.size["steps"]
    place = sibling(trial.place, f"crew_{crew}")
    create(place)
    system = load(trial.system, place)
    system.open(crew)
    system.many(trial.warm_up_steps, 1)
    begun_at_s = time.perf_counter()
    system.many(runs, steps)
    took_s = time.perf_counter() - begun_at_s
    system.close()
    return runs * steps / took_s


WORKLOAD = Workload(
    name="W9",
    text="{runs:,} runs × {steps} steps by worker processes",
    metrics=(
        *(Metric(key=key, text=f"{count} of them", unit="steps/s") for count, key in KEYS.items()),
        Metric(key="second", text="two ÷ one", unit="", bars=NEVER_LESS),
        Metric(key="fourth", text="four ÷ two", unit="", bars=NEVER_LESS),
    ),
    measure=measure,
    size={"runs": 4000, "steps": 5},
    quick={"runs": 100, "steps": 5},
    systems=("floor", "perdure"),
    stores=("postgres",),
)
