"""Rules of hooks, each broken once: what senders were told, and what bodies got."""

import json

from perdure.model.event import (
    HookCreated,
    HookDisposed,
    HookExpired,
    HookReceived,
    RunCompleted,
    RunFailed,
    RunRetried,
)
from perdure.model.ids import MailId
from perdure.testing.simulation.checker.hook import check_hooks, check_senders
from perdure.testing.simulation.checker.row import RunLog
from perdure.testing.simulation.evidence import Evidence
from perdure.testing.simulation.sender import Sent
from perdure.testing.simulation.store import Watched
from perdure.world import Letter, Log, Row
from tests.core.logs import BOOM, raw
from tests.testing.simulation.checker.history import (
    BEGUN,
    ME,
    evidence_of,
    log_of,
    mailed,
    row,
    story_of,
    suite_of,
    told,
)

HOOK, MORE = "0/hook#0", "0/hook#1"
OPEN = (*BEGUN, row(0, HOOK, HookCreated(token="t")), row(0, MORE, HookCreated(token="more")))


def got(number: int, key: str = HOOK, rejected: str | None = None, payload: str = "") -> Row:
    text = payload or f"mail {number}"
    return mailed(1, HookReceived(payload=raw(f'"{text}"'), rejected=rejected), f"mail_{number}", key)


def over(*payloads: object) -> Row:
    return row(1, "", RunCompleted(result=raw(json.dumps(payloads))))


def sent(number: int, told: str = "accepted", key: str = HOOK) -> Sent:
    return Sent("t", f"mail {number}", ME, key, told)


def waiting(number: int, key: str = HOOK) -> Letter:
    payload = json.dumps({"payload": f"mail {number}"}).encode()
    return Letter(mail_id=MailId(f"mail_{number}"), run_id=ME, kind="hook_received", key=key, payload=payload)


def senders(log: Log, *letters: Sent, mail: tuple[Letter, ...] = (), **fields: object) -> list[tuple[str, str]]:
    evidence = evidence_of(log, mail={ME: mail}, stories=[story_of(sent=list(letters))], **fields)
    return told(check_senders(evidence))


def hooks(*rows: Row, greedy: bool = False, **fields: object) -> list[tuple[str, str]]:
    log = log_of(*OPEN, *rows)
    evidence: Evidence = evidence_of(log, suite=suite_of(greedy=greedy), **fields)
    return told(check_hooks(evidence, RunLog(log)))


# -- senders


def test_payloads_that_are_there_or_wait() -> None:
    log = log_of(*OPEN, got(1), got(2, MORE))
    both = (sent(1), sent(2, key=MORE), sent(3), sent(4, "refused"), sent(5, ""))
    assert senders(log, *both, mail=(waiting(3), waiting(5))) == []


def test_an_accepted_payload_that_is_nowhere() -> None:
    assert senders(log_of(*OPEN), sent(1)) == [("P4 an accepted payload is lost", f"mail 1 for {HOOK}")]


def test_an_accepted_payload_that_went_elsewhere() -> None:
    assert senders(log_of(*OPEN, got(1, MORE)), sent(1)) == [("P4 an accepted payload is lost", f"mail 1 for {HOOK}")]


def test_a_payload_that_is_there_twice() -> None:
    twice = [("P4 a payload twice", f"mail 1 in {[(ME, HOOK), (ME, HOOK)]}")]
    assert senders(log_of(*OPEN, got(1), got(2, payload="mail 1")), sent(1)) == twice
    assert senders(log_of(*OPEN, got(1)), sent(1), mail=(waiting(1),)) == twice


def test_a_refused_payload_that_is_there() -> None:
    log = log_of(*OPEN, got(1))
    assert senders(log, sent(1, "refused")) == [("P4 a refused payload is there", "mail 1")]
    again = log_of(*OPEN, row(0, "", RunFailed(error=BOOM)), row(0, "", RunRetried(failure_seq=4)), got(1))
    assert senders(again, sent(1, "refused")) == [], "its first try may come late, and find the hook open again"


def test_what_the_store_mistook() -> None:
    watched = Watched(hooks=[(ME, "M1 a payload for a hook that isn't open: k")])
    assert senders(log_of(*OPEN), watched=watched) == [("M1 a payload for a hook that isn't open", "k")]


# -- expiry


def expired(due_ms: int, **fields: object) -> Row:
    return row(1, HOOK, HookExpired(due_ms=due_ms), **fields)


def test_a_hook_expires_in_time() -> None:
    assert hooks(got(1), expired(5_900), got(2, MORE)) == []


def test_a_hook_that_expires_early() -> None:
    assert hooks(expired(5_001)) == [("P5 a hook expired early", f"{HOOK}: 1 ms")]


def test_a_hook_that_expires_late() -> None:
    assert hooks(expired(3_999)) == [("P5 a hook expired late", f"{HOOK}: 1001 ms")]
    assert hooks(expired(3_999), late_ms=1) == []
    assert hooks(expired(3_999), calm_ms=4_000) == []


def test_a_payload_behind_the_end_of_its_hook() -> None:
    assert hooks(expired(5_000), got(1)) == [("P4 a payload behind its hook's end", f"{HOOK} at 6")]


# -- what the body got


def test_a_body_that_got_what_was_recorded() -> None:
    assert hooks(got(1), got(2, MORE), got(3), over("x", ["mail 1", ["mail 3"]], "mail 2"), greedy=True) == []
    assert hooks(got(1), got(2), over("mail 1")) == [], "one that isn't greedy may leave some"


def test_a_payload_that_was_handed_over_twice() -> None:
    assert hooks(got(1), over("mail 1", "mail 1")) == [("P4 a payload handed over twice", "mail 1")]


def test_payloads_in_another_order() -> None:
    assert hooks(got(1), got(2), over("mail 2", "mail 1")) == [
        ("P4 payloads handed over out of order", f"{HOOK}: [6, 5]"),
    ]


def test_payloads_that_the_body_should_not_have() -> None:
    wrong = [("P4 a payload that the body shouldn't have", "mail 1")]
    assert hooks(row(0, HOOK, HookDisposed()), got(1), over("mail 1")) == wrong
    assert hooks(got(1, rejected="payload: no"), over("mail 1")) == wrong


def test_a_disposal_that_a_retry_took_back() -> None:
    failed = (row(0, "", RunRetried(failure_seq=1)),)
    assert hooks(row(0, HOOK, HookDisposed()), *failed, got(1), over("mail 1")) == []


def test_a_greedy_body_gets_all() -> None:
    late = (row(0, MORE, HookDisposed()), got(2, MORE), got(3, rejected="payload: no"))
    assert hooks(got(1), *late, over("mail 1"), greedy=True) == []
    assert hooks(got(1), *late, over(), greedy=True) == [("P4 a payload isn't handed over", "mail 1")]


def test_other_ends_have_no_result() -> None:
    assert hooks(got(1), row(1, "", RunFailed(error=BOOM)), greedy=True) == []
