"""The workloads, in the order of the table. A new one is a file here and a line below."""

from benchmarks.workload import Workload
from benchmarks.workloads import (
    commit,
    start_up,
    w1_sequence,
    w2_many,
    w3_latency,
    w4_parallel,
    w5_hooks,
    w6_sleepers,
    w7_recovery,
    w8_stream,
    w9_fleet,
    w10_history,
    w11_first_words,
    w12_agent_loop,
)

WORKLOADS: dict[str, Workload] = {
    module.WORKLOAD.name: module.WORKLOAD
    for module in (
        commit,
        w1_sequence,
        w2_many,
        w3_latency,
        w4_parallel,
        w5_hooks,
        w6_sleepers,
        w7_recovery,
        w8_stream,
        w9_fleet,
        w10_history,
        w11_first_words,
        w12_agent_loop,
        start_up,
    )
}
