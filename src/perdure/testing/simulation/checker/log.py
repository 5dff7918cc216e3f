"""Rules of every log: its order, its one end, and each thing in it once."""

from collections import Counter
from collections.abc import Iterator

from perdure.testing.simulation.checker.row import DECIDED, DELIVERIES, ENDS, OUTCOMES, RunLog
from perdure.testing.simulation.evidence import Violation

_STATUS = {"run_completed": "completed", "run_failed": "failed", "run_cancelled": "cancelled", "run_blocked": "blocked"}


def check_log(log: RunLog) -> Iterator[Violation]:
    """What is wrong with this log, taken by itself."""
    for rule, detail in (*_order(log), *_turns(log), *_ends(log), *_once(log)):
        yield Violation(rule, log.run_id, detail)


def _order(log: RunLog) -> Iterator[tuple[str, str]]:
    seqs = [row.seq for row in log.rows]
    if seqs != list(range(1, len(seqs) + 1)) or log.run.length != len(seqs):
        yield "L1 seqs have gaps", f"{seqs}, and the run says {log.run.length}"
    epochs = [row.epoch for row in log.rows]
    if epochs != sorted(epochs):
        yield "P8 an epoch goes back", str(epochs)
    moments = [row.at_ms for row in log.rows[bool(log.forked_from) :]]  # what a fork takes over is older than it
    if moments != sorted(moments):
        yield "L6 time goes back", str(moments)


def _turns(log: RunLog) -> Iterator[tuple[str, str]]:
    """An answer stands before every delivery of a later turn, and deliveries come turn by turn.

    What the World decided on a hook may be a turn of its own (T5), of which the log has the answer alone.
    """
    turn, decided = 0, False
    for row in log.rows:
        if row.type in DELIVERIES:
            if row.turn < turn:
                yield "T1 a delivery of an earlier turn", f"{row.type} at {row.seq}, turn {row.turn} after {turn}"
            turn, decided = max(turn, row.turn), False
        elif row.is_request and decided and row.turn > turn:
            turn, decided = row.turn, False
        elif row.is_request and row.turn != turn:
            yield "T1 an answer that is out of turn", f"{row.type} at {row.seq}, turn {row.turn} in turn {turn}"
        decided = decided or row.type in DECIDED


def _ends(log: RunLog) -> Iterator[tuple[str, str]]:
    for row, following in zip(log.rows, log.rows[1:], strict=False):
        if row.type in ENDS and not (row.type == "run_failed" and following.type == "run_retried"):
            yield "P7 something after the end", f"{following.type} after {row.type}"
    last = log.rows[-1].type if log.rows else ""
    expected = _STATUS.get(last)
    if (log.run.status in _STATUS.values()) != (expected is not None) or expected not in (None, log.run.status):
        yield "P7 the status isn't the log's", f"{log.run.status} after {last}"
    if expected is not None and log.run.owner is not None:
        yield "P7 an owner after the end", str(log.run.owner)


def _once(log: RunLog) -> Iterator[tuple[str, str]]:
    asked = Counter(row.key for row in log.rows if row.is_request)
    asked += Counter(row.key for row in log.of("patch_marked"))
    for key, count in asked.items():
        if count > 1:
            yield "T2 a request recorded twice", key
    answered = Counter(row.key for row in log.of(*OUTCOMES) if row.seq not in log.taken_back)
    for key, count in answered.items():
        if count > 1:
            yield "P2 an outcome recorded twice", key
        if not asked[key]:
            yield "P2 an outcome of nothing", key
