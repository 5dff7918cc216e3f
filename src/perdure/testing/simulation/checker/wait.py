"""Rules of waits: never early, and soon after their time."""

from collections.abc import Iterator

from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence, Violation

PROMPT_MS = 1000
FORCE_MS = 4000
"""A cancel from another process is mail, which an owner may find only in its next look at all that it owns."""
HARMLESS = ("hint", "fail", "stale")
SETTLE_MS, PROBATION_MS = 5000, 1500
"""After the last fault: until every lease of the dead has lapsed, and others have their runs, suspects one by one."""


def check_waits(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """Waits that ended too early or too late by the store's clock, and cancels that were forced too early or too late."""
    wakes = [row.seq for row in log.of("wake_requested")]
    for row in log.of("wait_completed"):
        late_ms = row.at_ms - row.fact["due_ms"]
        since_ms = max(row.fact["due_ms"], log.run.created_at_ms)  # a fork's may have been due before it was made
        if late_ms < 0 and not (row.fact.get("woken") and any(seq < row.seq for seq in wakes)):
            yield Violation("P5 a wait ended early", log.run_id, f"{row.key}: {-late_ms} ms")
        calm = since_ms >= evidence.calm_ms + settling_ms(evidence)
        if calm and row.at_ms - since_ms > PROMPT_MS + evidence.late_ms + evidence.slow_ms and not log.was_parked:
            yield Violation("P5 a wait ended late", log.run_id, f"{row.key}: {late_ms} ms")
    yield from _forced(evidence, log)


def _forced(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    if log.end is None:
        return
    ended = log.end
    deadlines = [row.fact["force_at_ms"] for row in log.of("cancel_requested") if row.fact.get("force_at_ms")]
    asked_now = any(0 in story.graces for story in evidence.stories if story.run_id == log.run_id)
    forced = ended.fact.get("forced") and not asked_now
    if not deadlines:
        if forced:
            yield Violation("S5 forced early", log.run_id, "nobody has asked for it")
        return
    due_ms = min(deadlines)
    early_ms = due_ms - ended.at_ms
    if forced and early_ms > evidence.skew_ms + evidence.back_ms:
        yield Violation("S5 forced early", log.run_id, f"{early_ms} ms")
    late_ms = ended.at_ms - max(due_ms, evidence.calm_ms, log.run.created_at_ms)
    if late_ms > FORCE_MS + settling_ms(evidence) + evidence.late_ms + evidence.slow_ms:
        yield Violation("S5 forced late", log.run_id, f"{late_ms} ms")


def settling_ms(evidence: Evidence) -> int:
    trouble = evidence.counts.total() - sum(evidence.counts[kind] for kind in HARMLESS)
    return SETTLE_MS + PROBATION_MS * len(evidence.logs) if trouble else 0
