"""Letters out, entries in."""

import pytest

from perdure.core.pending import Pending
from perdure.engine.append import Entry
from perdure.engine.letter import cancel_letter, entries_of, hook_letter, wake_letter
from perdure.errors import DecodeError
from perdure.model.event import CancelRequested, ChildCompleted, WaitCompleted, WaitCreated, WakeRequested
from perdure.model.ids import MailId, RunId
from perdure.world import Letter
from tests.core.hooks import got
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


def test_letters_say_who_sent_them() -> None:
    assert cancel_letter(MAIL, ME, None, None, "ann").payload == b'{"by":"ann"}'
    assert wake_letter(MAIL, ME, "ann").payload == b'{"by":"ann"}'
    assert hook_letter(MAIL, ME, "0/hook#0", b"1", 7, "ann").payload == b'{"payload":1,"sent_ms":7,"by":"ann"}'


def test_a_childs_end_keeps_the_key_that_it_answers() -> None:
    told = b'{"run_id":"wrun_2","result":[1]}'
    letter = Letter(mail_id=MAIL, run_id=ME, kind="child_completed", key="0/child:w#0", payload=told)
    fact = ChildCompleted(run_id=RunId("wrun_2"), result=raw("[1]"))
    assert entries_of(letter, ASLEEP) == [Entry(0, "0/child:w#0", fact, MAIL)]


def test_a_payload_keeps_the_key_of_its_hook_and_its_bytes() -> None:
    letter = hook_letter(MAIL, ME, "0/hook#0", b'{"a": 1}', 0)
    assert (letter.run_id, letter.kind, letter.key) == (ME, "hook_received", "0/hook#0")
    assert letter.payload == b'{"payload":{"a": 1}}'  # sent at 0, which isn't known
    assert entries_of(letter, ASLEEP) == [Entry(0, "0/hook#0", got('{"a": 1}'), MAIL)]


def test_what_was_due_before_a_payload_was_sent_is_told_before_it() -> None:
    """Though nobody lived to say so: else an approval that came after its deadline would win the race against it."""
    pending = Pending()
    for key, due_ms in (("late", 30), ("second", 20), ("first", 10)):
        pending.see(key, WaitCreated(due_ms=due_ms), 0)
    letter = hook_letter(MAIL, ME, "0/hook#0", b"1", 20)
    entries = entries_of(letter, pending)
    assert entries[:2] == [
        Entry(0, "first", WaitCompleted(due_ms=10)),
        Entry(0, "second", WaitCompleted(due_ms=20)),
    ]
    assert [(entry.key, entry.mail_id) for entry in entries[2:]] == [("0/hook#0", MAIL)]


@pytest.mark.parametrize(
    ("kind", "payload", "reason"),
    [
        ("cancel_requested", b"{", "the log is damaged"),
        ("cancel_requested", b"", "it is empty: the log is damaged"),
        ("cancel_requested", b"\x02zstd", "its first byte is 02: a newer perdure wrote it"),
        ("dream_received", b"{}", "no such type of event is known here"),
    ],
)
def test_what_cannot_be_read_says_so(kind: str, payload: bytes, reason: str) -> None:
    letter = Letter(mail_id=MAIL, run_id=ME, kind=kind, key="", payload=payload)
    with pytest.raises(DecodeError, match=f"{kind} can't be read back: {reason}"):
        entries_of(letter, ASLEEP)
