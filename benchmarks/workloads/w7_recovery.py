"""W7: a process is killed once a run's steps are done; how long its successor needs until the run's next step begins.

Counted from "ready": all code is imported, the store is not yet open. Two lengths show whether it is linear.
"""

import signal
import subprocess
import sys

from benchmarks.place import create, sibling
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload, times

PROCESS_MAX_S = 200


def measure(trial: Trial) -> Figures:
    return {"ms": recovery_ms(trial, trial.size["steps"]), "long_ms": recovery_ms(trial, trial.size["long_steps"])}


def recovery_ms(trial: Trial, steps: int) -> float:
    place = sibling(trial.place, f"after_{steps}")
    create(place)
    died = successor("die", trial.system, place, str(steps))
    if died.returncode != -signal.SIGKILL:
        raise RuntimeError(f"the process that should have been killed exited with {died.returncode}:\n{died.stderr}")
    recovered = successor("recover", trial.system, place, str(steps))
    if recovered.returncode != 0:
        raise RuntimeError(f"the successor exited with {recovered.returncode}:\n{recovered.stderr}")
    return float(recovered.stdout)


def successor(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.successor", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PROCESS_MAX_S)


WORKLOAD = Workload(
    name="W7",
    text="killed after {steps:,} steps",
    metrics=(
        Metric(key="ms", text="ready → next step", unit="ms", bars=(Bar(sign="≤", factor=50),)),
        Metric(
            key="long_ms",
            text="ready → next step, after {long_steps:,}",
            unit="ms",
            bars=(times("≤", 4, "perdure", "W7", "ms", "that of {steps:,}"),),
        ),
    ),
    measure=measure,
    size={"steps": 1000, "long_steps": 4000},
    quick={"steps": 100, "long_steps": 400},
)
