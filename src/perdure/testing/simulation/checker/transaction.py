"""Rules of transactional steps: the rows of their table against what their logs say."""

from collections import Counter
from collections.abc import Iterator

from perdure.model.ids import step_id
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence, Violation


def check_transactions(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """What the transactional steps of this run break."""
    names = {row.key: row.fact["name"] for row in log.of("step_created")}
    completed = {step_id(log.run_id, row.key): row.fact["attempt"] for row in log.of("step_completed")}
    for key, name in names.items():
        if not evidence.suite.step(name).transaction:
            continue
        step = step_id(log.run_id, key)
        booked = [row.attempt for row in evidence.booked if row.step_id == step]
        if booked != ([completed[step]] if step in completed else []):
            told = f"completed in attempt {completed[step]}" if step in completed else "not completed"
            yield Violation(
                "S9 rows without their completion, or the other way round",
                log.run_id,
                f"{key}: {told}, rows of attempts {booked}",
            )


def check_rows(evidence: Evidence) -> Iterator[Violation]:
    """No row is there twice, or of a step that no log knows."""
    known = {
        step_id(run_id, row.key)
        for run_id, log in evidence.logs.items()
        for row in log.rows
        if row.type == "step_created"
    }
    for row, times in Counter(evidence.booked).items():
        if row.step_id not in known:
            yield Violation("S9 a row of a step that no log knows", None, row.step_id)
        if times > 1:
            yield Violation("S9 a row that is there more than once", None, f"{row.step_id}, {times} times")
