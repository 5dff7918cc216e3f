"""Rules of forks (S6): each has the past of the run that it was forked from, repeats nothing of it, and leaves it alone."""

from collections import Counter
from collections.abc import Iterator

from perdure.model.ids import RunId, step_id
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.evidence import Evidence, Violation

OUTCOMES = ("step_completed", "step_failed")
MISFIT = "the code doesn't fit the log"


def check_forkers(evidence: Evidence) -> Iterator[Violation]:
    """Forks that were acknowledged and are lost, or made without being asked for; originals that were changed."""
    made = Counter(log.forked_from["run_id"] for log in evidence.runs.values() if log.forked_from)
    asked: Counter[RunId] = Counter()
    for story in evidence.stories:
        for forked in story.forks:
            of = forked.seen.run.run_id
            asked[of] += forked.asked
            if forked.run_id is not None and forked.run_id not in evidence.runs:
                yield Violation("P1 an accepted fork is lost", forked.run_id, f"of {of}")
            if evidence.logs[of].rows[: len(forked.seen.rows)] != forked.seen.rows:
                yield Violation("S6 a run that its fork has changed", of, f"fork {forked.run_id}")
            if MISFIT in forked.refused and not story.program.versions and not forked.edited:
                yield Violation("S6 the code doesn't fit a fork", of, forked.refused)
    for of, count in made.items():
        if count > asked[of]:
            yield Violation("S6 a fork that nobody has asked for", of, f"{count} forks, asked for {asked[of]} times")


def check_fork(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """What is wrong with this run, if it is a fork."""
    if not log.forked_from:
        return
    original = evidence.runs[log.forked_from["run_id"]]
    for rule, detail in (*_past(log, original), *_done_again(evidence, log)):
        yield Violation(rule, log.run_id, detail)
    if log.run.parent_id is not None:
        yield Violation("S6 a fork with a parent", log.run_id, log.run.parent_id)
    for forked in (forked for story in evidence.stories for forked in story.forks if forked.run_id == log.run_id):
        for key in _left_out(log, RunLog(forked.seen)):
            yield Violation("S6 what was done isn't taken over", log.run_id, key)


def _past(log: RunLog, original: RunLog) -> Iterator[tuple[str, str]]:
    """Up to the cut the original's events, in their places; then later outcomes, and at an edit another one."""
    cut, edited = log.forked_from["seq"], log.forked_from.get("edited", ())
    if log.taken_over < cut - 1:
        yield "S6 a fork without its past", f"{log.taken_over} of {cut - 1} events"
    outcomes = [_told(row) for row in original.of(*OUTCOMES)]
    for row in log.rows[1 : log.taken_over]:
        is_edit = row.key in edited and row.type in OUTCOMES
        known = (
            row.seq < cut
            and _told(row) == _told(original.rows[row.seq - 1])
            and row.turn == original.rows[row.seq - 1].turn
        )
        if not (known or is_edit or (row.seq >= cut and _told(row) in outcomes)):
            yield "S6 a fork with another past", f"{row.type} {row.key} at {row.seq}"


def _told(row: Row) -> tuple[str, str, int, object]:
    return row.type, row.key, row.at_ms, row.fact


def _left_out(log: RunLog, seen: RunLog) -> Iterator[str]:
    """Steps that were called before the cut, and done when the fork was asked for."""
    past = log.rows[: log.taken_over]
    called = {row.key for row in past if row.type == "step_created"}
    there = {row.key for row in past if row.type in OUTCOMES}
    return (row.key for row in seen.of("step_completed") if row.key in called and row.key not in there)


def _done_again(evidence: Evidence, log: RunLog) -> Iterator[tuple[str, str]]:
    done = {step_id(log.run_id, row.key) for row in log.rows[: log.taken_over] if row.type in OUTCOMES}
    for effect in evidence.effects_of.get(log.run_id, ()):
        if effect.step_id in done:
            yield "S6 a fork does again what was done", f"{effect.step}, attempt {effect.attempt}"
