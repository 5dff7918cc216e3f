"""Rules of steps in queues (S8): what was sent is heard of once, and stopped where nobody waits for it any more."""

from collections import Counter
from collections.abc import Iterator

from perdure.model.ids import letter_id, step_id
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.evidence import Evidence, Violation

OUTCOMES = ("step_completed", "step_failed")
WORDS = (*OUTCOMES, "step_stopped")


def check_queues(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """What is wrong with the steps that this run has sent to queues."""
    for sent in log.of("step_queued"):
        kept = evidence.logs.get(sent.fact["run_id"])
        if kept is None:
            yield Violation("S8 a step was sent nowhere", log.run_id, sent.key)
            continue
        there = RunLog(kept)
        for rule, detail in (*_words(log, sent, there), *_stops(evidence, log, sent, there)):
            yield Violation(rule, log.run_id, f"{sent.key}, {there.run_id}: {detail}")
    for detail in _once(evidence, log) if log.step_of == log.run_id else ():
        yield Violation("S3 an at-most-once body", log.run_id, detail)


def _words(log: RunLog, sent: Row, there: RunLog) -> Iterator[tuple[str, str]]:
    """The outcome there is the outcome here."""
    words = [row for row in log.of(*WORDS) if row.kept.mail_id == letter_id(there.run_id, "end")]
    for word in words:
        said = next((row for row in there.of(*OUTCOMES)), None)
        if word.key != sent.key:
            yield "S8 an outcome for another step", word.key
        if word.type in OUTCOMES and said is not None and (word.type, word.fact) != (said.type, said.fact):
            yield "S8 another outcome than there", f"{word.type}, there {said.type}"
        if said is None and word.type == "step_completed":
            yield "S8 an outcome that nobody had", word.type


def _stops(evidence: Evidence, log: RunLog, sent: Row, there: RunLog) -> Iterator[tuple[str, str]]:
    """Where the run ends, or lets the step go, before it has heard of it, it says so."""
    told = {letter.mail_id for letter in evidence.watched.accepted.get(there.run_id, [])}
    for row in log.rows[sent.seq :]:
        if row.kept.mail_id == letter_id(there.run_id, "end"):
            return
        over = row.type in ("run_completed", "run_failed", "run_cancelled")
        if over or (row.type == "requests_released" and sent.key in row.fact["keys"]):
            ended_before = there.end is not None and there.end.at_ms <= row.at_ms + evidence.back_ms
            if not ended_before and letter_id(there.run_id, "parent") not in told:
                yield "S8 a step in a queue wasn't told to stop", f"{row.type} at {row.seq}"
            return


def _once(evidence: Evidence, log: RunLog) -> Iterator[str]:
    """An at-most-once attempt begins once, wherever it is, and another one has a cause."""
    for created in log.of("step_created"):
        if created.fact.get("at_most_once"):
            mine = step_id(log.step_of, created.key)
            begun = Counter(effect.attempt for effect in evidence.effects if effect.step_id == mine)
            sent = [row for row in log.of("step_queued") if row.key == created.key]
            everywhere = [log, *(RunLog(evidence.logs[row.fact["run_id"]]) for row in sent)]
            retries = sum(row.key == created.key for one in everywhere for row in one.of("step_retrying"))
            causes = retries + sum(log.rows[seq - 1].key == created.key for seq in log.taken_back)
            if max(begun.values(), default=0) > 1 or begun.total() > 1 + causes:
                yield f"{created.key}: attempts {dict(begun)} have begun, in queues too, with {causes} causes for another"
