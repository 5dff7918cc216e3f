"""W6: runs that sleep for an hour: what a sleeping run costs in memory and on disk, and how fast runs go to sleep.

A few sleepers come first, and pay for what is needed only once.
"""

import time

from benchmarks.place import size_bytes
from benchmarks.process import live_blocks, live_coroutines, resident_bytes
from benchmarks.system import opened
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload

TIDY_UP_S = 2.0


def measure(trial: Trial) -> Figures:
    runs = trial.size["runs"]
    with opened(trial) as system:
        system.sleepers(runs // 20)
        system.idle(TIDY_UP_S)
        disk, memory = size_bytes(trial.place), resident_bytes()
        blocks, coroutines = live_blocks(), live_coroutines()
        begun_at_s = time.perf_counter()
        took_s = system.sleepers(runs) - begun_at_s
        system.idle(TIDY_UP_S)
        return {
            "memory_kib": (resident_bytes() - memory) / runs / 1024,
            "blocks": (live_blocks() - blocks) / runs,
            "coroutines": (live_coroutines() - coroutines) / runs,
            "disk_bytes": (size_bytes(trial.place) - disk) / runs,
            "asleep_s": took_s,
        }


WORKLOAD = Workload(
    name="W6",
    text="{runs:,} runs that sleep",
    metrics=(
        Metric(key="memory_kib", text="memory per sleeper", unit="KiB", bars=(Bar(sign="≤", factor=1),)),
        Metric(key="blocks", text="Python's memory blocks", unit="/sleeper"),
        Metric(key="coroutines", text="coroutines", unit="/sleeper"),
        Metric(key="disk_bytes", text="disk per sleeper", unit="bytes", bars=(Bar(sign="≤", factor=1024),)),
        Metric(key="asleep_s", text="start → all asleep", unit="s", bars=(Bar(sign="≤", factor=3),)),
    ),
    measure=measure,
    size={"runs": 10_000},
    quick={"runs": 500},
)
