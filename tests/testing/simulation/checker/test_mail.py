"""Rules of mail, each broken once: what was accepted is in the log once, in order of acceptance."""

from perdure.model.event import CancelRequested, RunCancelled, WakeRequested
from perdure.model.ids import MailId
from perdure.testing.simulation.checker.mail import check_mail
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.store import Watched
from perdure.world import Letter, Row
from tests.testing.simulation.checker.history import ME, TRIPPED, evidence_of, log_of, mailed, row, told

WAKE = mailed(1, WakeRequested(), "mail_1")
CANCEL = mailed(2, CancelRequested(), "mail_2")
OVER = row(2, "", RunCancelled())


def letter(mail_id: str) -> Letter:
    return Letter(mail_id=MailId(mail_id), run_id=ME, kind="wake_requested", key="", payload=b"{}")


def found(*rows: Row, accepted: str, waiting: str = "") -> list[tuple[str, str]]:
    """With these letters (by number) accepted, in this order, and those still in the inbox."""
    log = log_of(*TRIPPED[:5], *rows)
    evidence = evidence_of(
        log,
        mail={ME: tuple(letter(f"mail_{number}") for number in waiting)},
        watched=Watched(accepted={ME: [letter(f"mail_{number}") for number in accepted]}),
    )
    return told(check_mail(evidence, RunLog(log)))


def test_healthy_mail() -> None:
    assert found(accepted="") == []
    assert found(WAKE, CANCEL, OVER, accepted="12") == []
    assert found(WAKE, accepted="12", waiting="2") == []


def test_a_letter_recorded_twice() -> None:
    assert found(WAKE, WAKE, accepted="1") == [("P4 a letter recorded twice", "mail_1")]


def test_a_letter_that_nobody_sent() -> None:
    assert found(WAKE, CANCEL, accepted="1") == [("P4 a letter that nobody sent", "mail_2")]


def test_a_letter_that_is_nowhere() -> None:
    assert found(WAKE, accepted="12") == [("P4 an accepted letter is lost", "mail_2")]


def test_a_letter_that_waits_when_its_run_has_ended() -> None:
    assert found(WAKE, OVER, accepted="12", waiting="2") == [("P4 an accepted letter is lost", "mail_2")]


def test_letters_out_of_order() -> None:
    assert found(CANCEL, WAKE, accepted="12") == [
        ("P4 letters out of order", "accepted ['mail_1', 'mail_2'], recorded ['mail_2', 'mail_1']"),
    ]


def test_a_later_letter_may_not_overtake_one_that_waits() -> None:
    assert found(CANCEL, accepted="12", waiting="1") == [
        ("P4 letters out of order", "accepted ['mail_1', 'mail_2'], recorded ['mail_2']"),
    ]
