"""Rules of hooks: payloads that senders were told of, and what bodies got of them; ends neither early nor late."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from perdure.model.ids import RunId
from perdure.testing.simulation.checker.row import Row, RunLog, fact_in
from perdure.testing.simulation.checker.wait import PROMPT_MS, settling_ms
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.sender import MARK


def check_senders(evidence: Evidence) -> Iterator[Violation]:
    """Payloads that were accepted and are lost or doubled, or refused and there; hooks that the store mistook."""
    for run_id, detail in evidence.watched.hooks:
        yield Violation(detail.partition(": ")[0], run_id, detail.partition(": ")[2])
    there = _payloads(evidence)
    retried = {run_id for run_id, log in evidence.runs.items() if log.taken_back}
    for story in evidence.stories:
        for sent in story.sent:
            places = there.get(sent.payload, [])
            if len(places) > 1:
                yield Violation("P4 a payload twice", sent.run_id, f"{sent.payload} in {places}")
            if sent.told == "accepted" and (sent.run_id, sent.key) not in places:
                yield Violation("P4 an accepted payload is lost", sent.run_id, f"{sent.payload} for {sent.key}")
            if (
                sent.told == "refused" and places and sent.run_id not in retried
            ):  # a late first try may find it open again
                yield Violation("P4 a refused payload is there", sent.run_id, sent.payload)


def check_hooks(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """What this run's log and result say of its hooks."""
    for rule, detail in (*_expiries(evidence, log), *_handed(evidence, log)):
        yield Violation(rule, log.run_id, detail)


def _payloads(evidence: Evidence) -> dict[str, list[tuple[RunId, str]]]:
    """Where each payload is: runs and keys, of rows and of letters that wait."""
    there: dict[str, list[tuple[RunId, str]]] = {}
    for run_id, log in evidence.runs.items():
        letters = [(letter.kind, letter.key, letter.payload) for letter in evidence.mail[run_id]]
        for kind, key, payload in (*((row.type, row.key, row.kept.payload) for row in log.rows), *letters):
            if kind == "hook_received":
                there.setdefault(str(fact_in(payload)["payload"]), []).append((run_id, key))
    return there


def _expiries(evidence: Evidence, log: RunLog) -> Iterator[tuple[str, str]]:
    over: set[str] = set()
    for row in log.rows:
        if row.type == "hook_expired":
            late_ms = row.at_ms - row.fact["due_ms"]
            if late_ms < 0:
                yield "P5 a hook expired early", f"{row.key}: {-late_ms} ms"
            calm = row.fact["due_ms"] >= evidence.calm_ms + settling_ms(evidence)
            if calm and late_ms > PROMPT_MS + evidence.late_ms + evidence.slow_ms and not log.was_parked:
                yield "P5 a hook expired late", f"{row.key}: {late_ms} ms"
            over.add(row.key)
        elif row.type == "hook_received" and row.key in over:
            yield "P4 a payload behind its hook's end", f"{row.key} at {row.seq}"


def _handed(evidence: Evidence, log: RunLog) -> Iterator[tuple[str, str]]:
    """Payloads in the result were recorded, once each, those of one hook in order, before it was over."""
    if log.end is None or log.end.type != "run_completed":
        return
    got = [text for text in _texts(log.end.fact.get("result")) if text.startswith(MARK)]
    closed = {row.key: row.seq for row in log.of("hook_disposed") if row.seq not in log.told_in_vain}
    known = {str(row.fact["payload"]): row for row in log.of("hook_received")}
    for text, count in Counter(got).items():
        if count > 1:
            yield "P4 a payload handed over twice", text
        row = known.get(text)
        if row is not None and (row.fact.get("rejected") or row.seq > closed.get(row.key, row.seq)):
            yield "P4 a payload that the body shouldn't have", text
    seqs: dict[str, list[int]] = {}
    for text in got:
        if text in known:
            seqs.setdefault(known[text].key, []).append(known[text].seq)
    for key, order in seqs.items():
        if order != sorted(order):
            yield "P4 payloads handed over out of order", f"{key}: {order}"
    program = evidence.suite.program(log.run.workflow)
    if program is not None and program.greedy:
        for text, row in known.items():
            if text not in got and _is_due(row, closed):
                yield "P4 a payload isn't handed over", text


def _is_due(row: Row, closed: dict[str, int]) -> bool:
    return not row.fact.get("rejected") and row.seq < closed.get(row.key, row.seq + 1)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in cast(list[Any], value):
            yield from _texts(one)
