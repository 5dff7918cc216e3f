"""Rules of runs: none lost, each ends, few are parked, and clients are told the truth."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import msgspec

from perdure.testing.simulation.checker.replay import diverges, fits
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.client import Story
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.faults import NONE
from perdure.testing.simulation.program import Program, Suite
from perdure.testing.simulation.simulation import Plan, simulate

_DIED = "its worker's process has died"
_UNSTORED = "its log could not be written"


def check_stories(evidence: Evidence) -> Iterator[Violation]:
    """Starts that were acknowledged and lost, ends that nobody was told of, or told wrongly."""
    for story in evidence.stories:
        log = evidence.runs.get(story.run_id) if story.run_id is not None else None
        if story.run_id is not None and log is None:
            yield Violation("P1 an accepted start is lost", story.run_id, story.program.name)
        if not story.done:
            yield Violation("P1 a client waits for ever", story.run_id, story.program.name)
        if log is not None and story.told is not None:
            told = (story.told.type, msgspec.json.decode(msgspec.json.encode(story.told)))
            if told not in [(row.type, row.fact) for row in log.rows]:
                yield Violation("P7 a client was told another end", story.run_id, story.told.type)
    for run_id in evidence.watched.born_dead:
        yield Violation("O2 born with an owner whose lease was over", run_id, "")
    for run_id in evidence.watched.unowned:
        yield Violation("P8 an append by somebody else than the owner", run_id, "")


def check_run(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """Whether the run has ended, was rightly parked, and came to the result that it should have."""
    program = evidence.suite.program(log.run.workflow)
    for parked in log.of("run_blocked"):
        detail = _wrongly_parked(evidence, log, parked, program)
        if detail:
            yield Violation("P9 a healthy run was parked", log.run_id, f"{detail}: {parked.fact['sentence']}")
    if log.end is None and not _may_stay_parked(evidence, log, program):
        standing = f"{log.run.workflow} is {log.run.status}, owner {log.run.owner}, wakes {log.run.wake_at_ms}"
        yield Violation("P1 a run didn't end", log.run_id, f"{standing}, mail {log.run.mail}, last {log.rows[-1].type}")
    if program is None:
        return
    if program.never and any(program.never in str(row.fact) for row in log.rows):
        yield Violation("T7 user code caught what it can't", log.run_id, program.never)
    yield from _result(evidence, log, program)


def _result(evidence: Evidence, log: RunLog, program: Program) -> Iterator[Violation]:
    """A steady program that nobody cancelled ends as it does without faults."""
    meddled = any(row.type in ("cancel_requested", "run_retried") for row in log.rows) or _is_edited(log.forked_from)
    if log.end is None or not program.steady or meddled or any(_graces(evidence, log)):
        return
    expected, found = _reference(evidence.suite, program), _ending(log.end)
    if found != expected:
        yield Violation("P3 another result than without faults", log.run_id, f"{found}, expected {expected}")


def _is_edited(origin: dict[str, Any] | None) -> bool:
    """Whether it, or what it was forked from, has outcomes that somebody made up."""
    return bool(origin) and ("edited" in origin or _is_edited(origin.get("origin")))


def _graces(evidence: Evidence, log: RunLog) -> Iterator[Story]:
    return (story for story in evidence.stories if story.run_id == log.run_id and story.graces)


@cache
def _reference(suite: Suite, program: Program) -> str:
    plan = Plan(suite=suite, programs=(program,), each=True, rates=NONE, workers=1, quiet=True, restarts=0)
    evidence = simulate(plan, 0)
    [story] = evidence.stories
    assert story.run_id is not None, "without faults, every start is acknowledged"
    end = evidence.runs[story.run_id].end
    assert end is not None, f"without faults, {program.name} ends"
    return _ending(end)


def _ending(end: Row) -> str:
    error = end.fact.get("error")
    return f"{end.type} {error['type'] if error else end.fact.get('result')}"


def _wrongly_parked(evidence: Evidence, log: RunLog, parked: Row, program: Program | None) -> str:
    """Why this run should not have been parked; empty if it should."""
    sentence = parked.fact["sentence"]
    if sentence.startswith(_UNSTORED):
        return "" if program is not None and program.indigestible else "the store takes all it writes"
    if sentence.startswith(_DIED):
        return "" if program is not None and program.crashes else "it has killed nobody"
    if program is None or not program.versions:
        return "there is only one code"
    owners = [row.fact["deployment"] for row in log.of("run_started", "run_resumed") if row.seq < parked.seq]
    code = program.definition(evidence.versions[owners[-1]])
    return "" if diverges(code, log, parked.seq - 1) else "the code that parked it fits"


def _may_stay_parked(evidence: Evidence, log: RunLog, program: Program | None) -> bool:
    if program is None or log.run.status != "blocked":
        return False
    if program.indigestible or program.crashes:
        return True
    return bool(program.versions) and not fits(program.definition(evidence.version), log)
