"""W7's two processes: `python -m benchmarks.successor die|recover SYSTEM PLACE STEPS`.

The first runs steps and is killed in the middle of its run; the second takes the run over, and prints after how many
milliseconds the run's next step begins.
"""

import os
import sys
import time

from benchmarks.system import load


def die(system_name: str, place: str, steps: str) -> None:
    system = load(system_name, place)
    system.open()
    system.doomed(int(steps))


def recover(system_name: str, place: str, steps: str) -> None:
    system = load(system_name, place)
    begun_at_s = time.perf_counter()
    next_step_at_s = system.resume(int(steps))
    print((next_step_at_s - begun_at_s) * 1000, flush=True)
    os._exit(0)  # the rest of the run isn't measured


if __name__ == "__main__":
    {"die": die, "recover": recover}[sys.argv[1]](*sys.argv[2:])
