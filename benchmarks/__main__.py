"""`python -m benchmarks [WORKLOAD…]`: measure, and print the table.

Each measurement is a process of its own on a new store. The repeats go round all workloads and systems, so that a
minute in which the machine is busy with something else falls on all of them.
"""

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path

import apsw
from rich.console import Console

from benchmarks.disk import IN_MEMORY, default_folder, file_system
from benchmarks.table import draw, rows
from benchmarks.workload import SYSTEMS, Figures, Workload
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent
MEASUREMENT_MAX_S = 900
WARM_UP_STEPS, WARM_UP_STEPS_QUICK = 1000, 20
WIDTH_MIN = 190  # the table's, where there is no terminal to fit into

Plan = list[tuple[str, Workload]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast perdure is, on SQLite.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {' '.join(WORKLOADS)}; all by default")
    parser.add_argument("--repeats", type=int, metavar="N", help="3 by default, 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="small sizes: a first look, not a result")
    parser.add_argument("--only", metavar="SYSTEMS", default=",".join(SYSTEMS), help="by default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there, too")
    parser.add_argument(
        "--dir", type=Path, metavar="FOLDER", default=default_folder(), help="on a disk, for the stores"
    )
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.systems = tuple(options.only.split(","))
    if unknown := [name for name in options.workloads if name not in WORKLOADS]:
        parser.error(f"there is no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if unknown := [name for name in options.systems if name not in SYSTEMS]:
        parser.error(f"there is no system {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    if file_system(options.dir) in IN_MEMORY:
        parser.error(f"{options.dir} is in memory, where a commit costs nothing; name a folder on a disk with --dir")
    return options


def plan(names: list[str], systems: tuple[str, ...]) -> Plan:
    """What to measure: the chosen workloads, and the floor of those that their bars refer to."""
    chosen = [WORKLOADS[name] for name in names or WORKLOADS]
    needed = {WORKLOADS[name].name for workload in chosen for name in workload.needs} - {w.name for w in chosen}
    floor = [("floor", WORKLOADS[name]) for name in WORKLOADS if name in needed and "floor" in systems]
    return floor + [(system, workload) for workload in chosen for system in workload.systems if system in systems]


def measure(system: str, workload: Workload, *, folder: Path, quick: bool) -> Figures:
    """One measurement in a process of its own. Raises RuntimeError with the last line that it wrote if it fails."""
    size = workload.quick if quick else workload.size
    warm_up_steps = WARM_UP_STEPS_QUICK if quick else WARM_UP_STEPS
    command = [sys.executable, "-m", "benchmarks.measure", system, workload.name]
    with tempfile.TemporaryDirectory(prefix="perdure-bench-", dir=folder) as store:
        done = subprocess.run(
            [*command, store, json.dumps(dict(size)), str(warm_up_steps)],
            check=False,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=MEASUREMENT_MAX_S,
        )
    if done.returncode != 0:
        raise RuntimeError((done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def machine(folder: Path) -> dict[str, str]:
    versions = {package.name: package.version for package in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "file_system": file_system(folder),
        "sqlite": apsw.sqlite_lib_version(),
        **{name: versions[name] for name in ("perdure", "dbos") if name in versions},
    }


def main() -> int:
    options = arguments()
    todo = plan(options.workloads, options.systems)
    samples: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    failed: set[tuple[str, str]] = set()
    for repeat in range(options.repeats):
        for system, workload in todo:
            if (system, workload.name) in failed:
                continue
            print(f"{repeat + 1}/{options.repeats} {workload.name} {system}", file=sys.stderr, flush=True)
            try:
                figures = measure(system, workload, folder=options.dir, quick=options.quick)
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                failed.add((system, workload.name))
                print(f"{workload.name} {system} failed: {error}", file=sys.stderr)
                continue
            for key, value in figures.items():
                samples[system, workload.name, key].append(value)

    if options.json:
        listed = [{"system": s, "workload": w, "key": k, "samples": values} for (s, w, k), values in samples.items()]
        report = {"machine": machine(options.dir), "quick": options.quick, "figures": listed}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    measured = {workload.name for _, workload in todo}
    lines = rows((workload for name, workload in WORKLOADS.items() if name in measured), samples, quick=options.quick)
    console = Console()
    Console(width=None if console.is_terminal else WIDTH_MIN).print(draw(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
