"""W8: a step writes a stream, and a client follows it: until the client has the last chunk, and the first."""

from benchmarks.system import opened
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload


def measure(trial: Trial) -> Figures:
    chunks = trial.size["chunks"]
    with opened(trial) as system:
        first_s, last_s = system.stream(chunks)
    return {"per_s": chunks / last_s, "first_ms": first_s * 1000}


WORKLOAD = Workload(
    name="W8",
    text="a step writes {chunks:,} chunks of 100 bytes, a client follows",
    metrics=(
        Metric(key="per_s", text="chunks", unit="1/s", bars=(Bar(sign="≥", factor=50_000),)),
        Metric(key="first_ms", text="first chunk", unit="ms", bars=(Bar(sign="≤", factor=30),)),
    ),
    measure=measure,
    size={"chunks": 10_000},
    quick={"chunks": 500},
)
