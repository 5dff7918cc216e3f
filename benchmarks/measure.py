"""One measurement, in this process; prints its figures as JSON.

`python -m benchmarks.measure SYSTEM WORKLOAD PLACE SIZE WARM_UP_STEPS`
"""

import json
import os
import sys

from benchmarks.workload import Trial
from benchmarks.workloads import WORKLOADS


def main(system: str, workload: str, place: str, size: str, warm_up_steps: str) -> None:
    trial = Trial(system=system, place=place, size=json.loads(size), warm_up_steps=int(warm_up_steps))
    print(json.dumps(WORKLOADS[workload].measure(trial)), flush=True)
    os._exit(0)  # no system's threads or leftovers hold up the next measurement


if __name__ == "__main__":
    main(*sys.argv[1:])
