"""W12: what it costs that an agent is durable, for each call of its model: its time less that of a bare one of pydantic-ai.

Each call but the last calls a tool, whose call is durable too, and its share of the run's start and end is counted. The
two take turns, run by run, in one process. The floor has no agents.
"""

import time
from collections.abc import Iterator
from statistics import median

from benchmarks.process import cpu_s
from benchmarks.system import AgentSystem, AnswerKind, opened_agents
from benchmarks.workload import Bar, Figures, Metric, Store, Trial, Workload

BARS: dict[Store, tuple[Bar, ...]] = {"sqlite": (Bar(sign="≤", factor=5),), "postgres": ()}
KINDS: dict[AnswerKind, str] = {"whole": "answers as a whole", "streamed": "answers in twenty pieces"}


def measure(trial: Trial) -> Figures:
    figures: dict[str, float] = {}
    with opened_agents(trial) as system:
        for kind in system.kinds:
            figures |= compared(system, kind, **trial.size)
    return figures


def compared(system: AgentSystem, kind: AnswerKind, runs: int, calls: int) -> Figures:
    took: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(runs):
        for durable, times_ms in took.items():
            begun_at_s, cpu_begun_s = time.perf_counter(), cpu_s()
            system.ask(kind, calls, durable=durable)
            times_ms.append(((time.perf_counter() - begun_at_s) * 1000, (cpu_s() - cpu_begun_s) * 1000))
    bare, bare_cpu, own, own_cpu = (median(column) / calls for d in took.values() for column in zip(*d, strict=True))
    return {f"{kind}_bare_ms": bare, f"{kind}_ms": own - bare, f"{kind}_cpu_ms": own_cpu - bare_cpu}


def metrics(kind: AnswerKind, text: str) -> Iterator[Metric]:
    for key, figure in (("ms", "more"), ("cpu_ms", "more CPU")):
        for store, bars in BARS.items():
            yield Metric(key=f"{kind}_{key}", text=f"{text}: {figure}", unit="ms/call", bars=bars, stores=(store,))
    yield Metric(key=f"{kind}_bare_ms", text=f"{text}: the bare one", unit="ms/call")


WORKLOAD = Workload(
    name="W12",
    text="a durable agent of {calls} model calls, less a bare one",
    metrics=tuple(metric for kind, text in KINDS.items() for metric in metrics(kind, text)),
    measure=measure,
    size={"runs": 40, "calls": 20},
    quick={"runs": 3, "calls": 5},
    systems=("perdure", "dbos"),
)
