"""Did perdure keep its promises? The checker reads rows and the ledger, and shares nothing with the engine but replay."""

from collections.abc import Iterator

from perdure.testing.simulation.checker.fork import check_fork, check_forkers
from perdure.testing.simulation.checker.hook import check_hooks, check_senders
from perdure.testing.simulation.checker.log import check_log
from perdure.testing.simulation.checker.mail import check_mail
from perdure.testing.simulation.checker.queue import check_queues
from perdure.testing.simulation.checker.replay import check_replay
from perdure.testing.simulation.checker.run import check_run, check_stories
from perdure.testing.simulation.checker.step import check_steps
from perdure.testing.simulation.checker.stream import check_readers, check_streams
from perdure.testing.simulation.checker.transaction import check_rows, check_transactions
from perdure.testing.simulation.checker.wait import check_waits
from perdure.testing.simulation.evidence import Evidence, Violation

MISCHIEF = "an unhandled error"
"""Nobody took an exception. It breaks no rule by itself: who takes a rule out may have caused it directly."""


def check(evidence: Evidence, *, prefixes: bool = True) -> list[Violation]:
    """Every rule that was broken. `prefixes`: one run is replayed from each of its turns, too."""
    return list(_violations(evidence, prefixes))


def _violations(evidence: Evidence, prefixes: bool) -> Iterator[Violation]:
    for detail in evidence.mischief:
        yield Violation(MISCHIEF, None, detail)
    yield from check_stories(evidence)
    yield from check_senders(evidence)
    yield from check_readers(evidence)
    yield from check_forkers(evidence)
    yield from check_rows(evidence)
    for run_id in sorted(evidence.effects_of.keys() - evidence.logs.keys()):
        yield Violation("P1 a step of a run that isn't there", run_id, "")
    chosen = min(evidence.logs, default=None)
    for run_id, log in evidence.runs.items():
        yield from check_log(log)
        yield from check_mail(evidence, log)
        yield from check_hooks(evidence, log)
        yield from check_streams(evidence, log)
        yield from check_waits(evidence, log)
        yield from check_steps(evidence, log, evidence.effects_of.get(run_id, ()))
        yield from check_queues(evidence, log)
        yield from check_transactions(evidence, log)
        yield from check_replay(evidence, log, prefixes=prefixes and run_id == chosen)
        yield from check_fork(evidence, log)
        yield from check_run(evidence, log)
