"""`python -m tests.golden`: record the golden logs of this version that aren't there yet.

A golden log is what a released perdure wrote. Every later version must read it, replay it to the same end, and ask for
the same things at every turn: runs sleep for months, and wake up in another version. `tests/faults/test_replay.py` holds
that, for all the files in this folder, for ever.

So a file here is never changed once its version is released, and neither is a program in `tests/faults/programs.py` that
has one: write another program instead. Before each release, and when there are new types of events, run this command and
commit what it adds. A file whose version isn't out yet may be deleted and recorded anew; where the log of a released
version no longer replays, it is the code that is wrong.

Each program is simulated under faults with the first seeds. Kept are the logs of two: one in which somebody cancels, and
one in which nobody does, that say most. The simulation's checker must find nothing wrong with them.
"""

import perdure
from perdure.testing.simulation.checker.check import check
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.program import Program
from perdure.testing.simulation.simulation import Plan, simulate
from tests.faults.programs import PROGRAMS, REPINNED, SUITE
from tests.golden.kept import Golden, file_of, kept, write

SEEDS = 60
ROWS_MAX = 80


def record(program: Program) -> Golden:
    """The logs of the seeds that say most: one that a client cancels, and one where all goes its way."""
    plan = Plan(suite=SUITE, programs=(program,), each=True)
    found = {seed: simulate(plan, seed) for seed in range(SEEDS)}
    best: dict[bool, int] = {}
    for seed, evidence in found.items():
        cancelled = "cancel_requested" in _said(evidence)
        if cancelled not in best or _says(evidence) > _says(found[best[cancelled]]):
            best[cancelled] = seed
    seeds = sorted(best.values())
    for seed in seeds:
        assert not check(found[seed]), f"seed {seed} of {program.name} breaks a rule"
    runs = [kept(log) for seed in seeds for _, log in sorted(found[seed].logs.items())]
    return Golden(version=perdure.__version__, program=program.name, seeds=seeds, runs=runs)


def _says(evidence: Evidence) -> tuple[int, int]:
    """How many types of events and different keys; and how few events."""
    length = sum(len(log.rows) for log in evidence.logs.values())
    return (len(_said(evidence)) if length <= ROWS_MAX else 0), -length


def _said(evidence: Evidence) -> set[str]:
    return {word for log in evidence.logs.values() for row in log.rows for word in (row.type, row.key)}


def main() -> None:
    for program in (*PROGRAMS, REPINNED):
        path = file_of(perdure.__version__, program.name)
        if not path.exists():
            golden = record(program)
            path.write_text(write(golden), encoding="utf-8")
            print(f"{path.name}: seeds {golden.seeds}, {sum(len(run.rows) for run in golden.runs)} events")


if __name__ == "__main__":
    main()
