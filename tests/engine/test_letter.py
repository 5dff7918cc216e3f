"""Letters out, entries in."""

import pytest

from perdure.core.pending import Pending
from perdure.engine.append import Entry
from perdure.engine.letter import cancel_letter, entries_of, wake_letter
from perdure.errors import DecodeError
from perdure.model.event import CancelRequested, ChildCompleted, WaitCompleted, WakeRequested
from perdure.model.ids import MailId, RunId
from perdure.world import Letter
from tests.core.logs import log, raw, sleep

ME, MAIL = RunId("wrun_1"), MailId("mail_1")
ASLEEP = Pending(
    log((0, "0/sleep#0", sleep(50)), (0, "0/timeout#0", sleep(60, timeout=True)), (0, "0.1/sleep#0", sleep(70)))
)


def test_a_cancel_becomes_one_event() -> None:
    letter = cancel_letter(MAIL, ME, "enough", 99)
    assert (letter.run_id, letter.kind, letter.key) == (ME, "cancel_requested", "")
    assert letter.payload == b'{"reason":"enough","force_at_ms":99}'
    assert entries_of(letter, ASLEEP) == [Entry(0, "", CancelRequested(reason="enough", force_at_ms=99), MAIL)]


def test_a_wake_up_ends_sleeps_but_no_timeouts() -> None:
    assert entries_of(wake_letter(MAIL, ME), ASLEEP) == [
        Entry(0, "", WakeRequested(), MAIL),
        Entry(0, "0/sleep#0", WaitCompleted(due_ms=50, woken=True)),
        Entry(0, "0.1/sleep#0", WaitCompleted(due_ms=70, woken=True)),
    ]


def test_a_childs_end_keeps_the_key_that_it_answers() -> None:
    told = b'{"run_id":"wrun_2","result":[1]}'
    letter = Letter(mail_id=MAIL, run_id=ME, kind="child_completed", key="0/child:w#0", payload=told)
    fact = ChildCompleted(run_id=RunId("wrun_2"), result=raw("[1]"))
    assert entries_of(letter, ASLEEP) == [Entry(0, "0/child:w#0", fact, MAIL)]


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("cancel_requested", b"{", "the log is damaged"),
        ("cancel_requested", b"", "it is empty: the log is damaged"),
        ("cancel_requested", b"\x01zstd", "its first byte is 01: a newer perdure wrote it"),
        ("hook_received", b"{}", "no such type of event is known here"),
    ],
)
def test_what_cannot_be_read_says_so(kind: str, payload: bytes, reason: str) -> None:
    letter = Letter(mail_id=MAIL, run_id=ME, kind=kind, key="", payload=payload)
    with pytest.raises(DecodeError, match=f"{kind} can't be read back: {reason}"):
        entries_of(letter, ASLEEP)
