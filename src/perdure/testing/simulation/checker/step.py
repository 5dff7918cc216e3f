"""Rules of steps: what their bodies did, by the ledger, against what their log says."""

from collections import Counter
from collections.abc import Iterator, Sequence

from perdure.model.ids import step_id
from perdure.testing.simulation.checker.row import Row, RunLog
from perdure.testing.simulation.evidence import Evidence, Violation
from perdure.testing.simulation.ledger import Effect


def check_steps(evidence: Evidence, log: RunLog, effects: Sequence[Effect]) -> Iterator[Violation]:
    """What the steps of this run, and the ledger's `effects` of it, break."""
    created = {step_id(log.step_of, row.key): row for row in log.of("step_created")}
    before = log.rows[0].fact.get("step", {})
    for rule, detail in _bodies(evidence, log, effects):
        yield Violation(rule, log.run_id, detail)
    for step, row in created.items():
        begun = [effect for effect in effects if effect.step_id == step]
        later = [other for other in log.rows if other.seq > row.seq]
        told = [other for other in later if other.key == row.key or other.type == "run_retried"]
        for rule, detail in (
            *_attempts_of_its_own(log, _attempts(row, told, before.get("attempt", 1) - 1)),
            *_over(told, log),
            *_budget(evidence, row, told, before.get("failures", 0)),
            *_starts(evidence, told, begun),
        ):
            yield Violation(rule, log.run_id, f"{row.key}: {detail}")
        if row.fact.get("at_most_once"):
            for detail in _at_most_once(told, begun):
                yield Violation("S3 an at-most-once body", log.run_id, f"{row.key}: {detail}")
    for detail in _retries(log):
        yield Violation("S6 a retry in place", log.run_id, detail)


def _bodies(evidence: Evidence, log: RunLog, effects: Sequence[Effect]) -> Iterator[tuple[str, str]]:
    for effect in effects:
        name = f"{effect.step}, attempt {effect.attempt}, on {effect.worker_id} in epoch {effect.epoch}"
        if effect.recorded and effect.owner:
            yield "P2 a body begun after its outcome was recorded", name
        if effect.missing and effect.owner:
            yield "L5 a step was told of what isn't there", name
        if not effect.lease_live and evidence.late_ms == evidence.skew_ms:
            yield "O3 a body begun without a live lease", name
    begun = Counter((effect.step_id, effect.step, effect.attempt, effect.epoch) for effect in effects if effect.owner)
    for (_, step, attempt, epoch), count in begun.items():
        if count > 1:
            yield (
                "P2 an attempt begun twice by one owner",
                f"{step}, attempt {attempt}, in epoch {epoch}: {count} times",
            )
    if log.run_id in evidence.watched.early and (effects or any(True for _ in log.of("step_created"))):
        yield "S5 a body ran though its run was cancelled before", str(len(effects))


def _attempts_of_its_own(log: RunLog, found: Iterator[tuple[str, str, int]]) -> Iterator[tuple[str, str]]:
    """But for those that a fork took over, whose owners only the original's log knows."""
    return ((rule, detail) for rule, detail, seq in found if seq > log.taken_over)


def _attempts(created: Row, told: list[Row], before: int) -> Iterator[tuple[str, str, int]]:
    """Attempts are numbered from 1 (or go on from `before`), and each has a cause: a failure, another owner, or a retry of
    the run. Of those in a queue only the last is known here. With each, the seq."""
    implied = not created.fact.get("at_most_once")
    first = last = before + implied
    epoch, failed, queued = created.epoch, before > 0, False
    for row in told:
        if row.type == "step_queued":
            again = implied and row.epoch == epoch and row.fact["attempt"] == last
            if row.fact["attempt"] != last + 1 and not again:
                yield "P2 attempts out of order", f"{row.fact['attempt']} in a queue after {last}", row.seq
            if queued:
                yield "S8 sent anew before the last word came", str(row.fact["attempt"]), row.seq
            last, epoch, failed, implied, queued = row.fact["attempt"], row.epoch, False, False, True
        elif queued and row.type in ("step_completed", "step_failed", "step_stopped"):
            last, failed, queued = max(last, row.fact["attempt"]), True, False
        elif queued and row.type == "step_started":
            yield "S8 begun here while it is in a queue", str(row.fact["attempt"]), row.seq
        elif row.type == "step_started" and implied and row.fact["attempt"] == first and row.epoch == epoch:
            implied = False  # on probation the start that step_created implies is recorded again, before the body
        elif row.type == "step_started":
            if row.fact["attempt"] != last + 1:
                yield "P2 attempts out of order", f"{row.fact['attempt']} after {last}", row.seq
            if last and not failed and row.epoch == epoch:
                yield "P2 an attempt without a cause", str(row.fact["attempt"]), row.seq
            last, epoch, failed, implied = row.fact["attempt"], row.epoch, False, False
        elif row.type in ("step_completed", "step_failed", "step_retrying") and row.fact["attempt"] != last:
            yield "P2 an outcome of another attempt", f"{row.type} of {row.fact['attempt']}, begun is {last}", row.seq
        if row.type in ("step_retrying", "run_retried"):
            failed, implied = True, False


def _over(told: list[Row], log: RunLog) -> Iterator[tuple[str, str]]:
    """An outcome is the end, unless a retry of the run takes it back."""
    over = False
    for row in told:
        if row.type in ("step_completed", "step_failed"):
            over = row.seq not in log.taken_back
        elif row.type == "step_started" and over:
            yield "P2 an attempt after the outcome", str(row.fact["attempt"])


def _budget(evidence: Evidence, created: Row, told: list[Row], before: int) -> Iterator[tuple[str, str]]:
    """Recorded failures, and they alone, use the budget up; those in a queue are in another log."""
    budget = evidence.suite.step(created.fact["name"]).retry.max_retries
    used = before
    for row in told:
        if row.type == "run_retried":
            used = 0
        elif row.type == "step_retrying":
            used += 1
            if used > budget:
                yield "S2 more retries than the budget has", f"{used} of {budget}"
        elif row.type == "step_failed" and row.kept.mail_id is None and _is_shaken(row) and used != budget:
            yield "S2 given up too early", f"{used} of {budget} retries"


def _is_shaken(row: Row) -> bool:
    return row.fact["error"]["type"].endswith(":Shaken")


def _starts(evidence: Evidence, told: list[Row], begun: list[Effect]) -> Iterator[tuple[str, str]]:
    """No attempt begins before its back-off is over, unless a retry of the run ends that."""
    retried_seq = max((row.seq for row in told if row.type == "run_retried"), default=0)
    for row in told:
        if row.type == "step_retrying" and row.seq > retried_seq:
            for effect in begun:
                knows = effect.epoch is not None and effect.epoch >= row.epoch
                after = knows and effect.attempt == row.fact["attempt"] + 1
                if after and effect.at_ms < row.fact["retry_at_ms"] - evidence.skew_ms - evidence.back_ms:
                    early_ms = row.fact["retry_at_ms"] - effect.at_ms
                    yield "S2 a retry before its time", f"attempt {effect.attempt}, {early_ms} ms early"


def _at_most_once(told: list[Row], begun: list[Effect]) -> Iterator[str]:
    for attempt, count in Counter(effect.attempt for effect in begun).items():
        if count > 1:
            yield f"attempt {attempt} has begun {count} times"
    causes = sum(row.type in ("step_retrying", "run_retried") for row in told)
    if len(begun) > 1 + causes:
        yield f"begun {len(begun)} times, with {causes} causes for another"
    recorded = {row.fact["attempt"] for row in told if row.type == "step_started"}
    unrecorded = sorted({effect.attempt for effect in begun} - recorded)
    if unrecorded:
        yield f"attempts {unrecorded} have begun without a recorded start"


def _retries(log: RunLog) -> Iterator[str]:
    """A failure may be taken back only if the body had not acted on it."""
    for retried in log.of("run_retried"):
        seq: int = retried.fact["failure_seq"]
        failure = log.rows[seq - 1]
        acted = [row for row in log.rows[seq : retried.seq] if row.is_request]
        if failure.type != "step_failed" or acted:
            yield f"{failure.type} at {seq} was taken back, {len(acted)} requests followed it"
