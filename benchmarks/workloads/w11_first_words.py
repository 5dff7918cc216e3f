"""W11: from a model's first words to when a client of a chat has read them off its connection.

The model says them at once, and twenty words in all, as fast as it can: the answer of the POST begins meanwhile. The floor
and DBOS have no chats.
"""

from benchmarks.latency import percentiles
from benchmarks.system import opened_agents
from benchmarks.workload import Bar, Figures, Metric, Trial, Workload

KINDS = {"chats": "a run for each message", "turns": "messages of one session, one run"}
IN_TIME = (Bar(sign="≤", factor=30),)


def measure(trial: Trial) -> Figures:
    with opened_agents(trial) as system:
        found = {kind: percentiles(system.first_words(trial.size[kind], session=kind == "turns")) for kind in KINDS}
    return {f"{kind}_{key}": value for kind in KINDS for key, value in found[kind].items()}


WORKLOAD = Workload(
    name="W11",
    text="the model's first words → read off HTTP",
    metrics=tuple(
        Metric(key=f"{kind}_{percentile}_ms", text=f"{text}: {percentile}", unit="ms", bars=IN_TIME)
        for kind, text in KINDS.items()
        for percentile in ("p50", "p99")
    ),
    measure=measure,
    size={"chats": 300, "turns": 300},
    quick={"chats": 20, "turns": 20},
    systems=("perdure",),
)
