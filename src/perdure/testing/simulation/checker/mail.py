"""Rules of mail: what the store accepted is in the log once, in order of acceptance."""

from collections import Counter
from collections.abc import Iterator

from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence, Violation


def check_mail(evidence: Evidence, log: RunLog) -> Iterator[Violation]:
    """Letters of this run that are lost, doubled or out of order."""
    accepted = [letter.mail_id for letter in evidence.watched.accepted.get(log.run_id, [])]
    recorded = [row.kept.mail_id for row in log.rows if row.kept.mail_id is not None]
    waiting = {letter.mail_id for letter in evidence.mail[log.run_id]}
    for mail_id, count in Counter(recorded).items():
        if count > 1:
            yield Violation("P4 a letter recorded twice", log.run_id, str(mail_id))
        if mail_id not in accepted:
            yield Violation("P4 a letter that nobody sent", log.run_id, str(mail_id))
    lost = [
        mail_id for mail_id in accepted if mail_id not in recorded and (log.end is not None or mail_id not in waiting)
    ]
    for mail_id in lost:
        yield Violation("P4 an accepted letter is lost", log.run_id, mail_id)
    due = [mail_id for mail_id in accepted if mail_id not in lost]
    taken = [mail_id for mail_id in dict.fromkeys(recorded) if mail_id in accepted]
    if taken != due[: len(taken)]:  # one that waits may not be overtaken either
        yield Violation("P4 letters out of order", log.run_id, f"accepted {due}, recorded {recorded}")
