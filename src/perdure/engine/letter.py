"""Letters, and what they become in the log of the run that gets them."""

from msgspec import Raw

from perdure.codec.fact import pack, unpack
from perdure.core.pending import Pending
from perdure.engine.append import Entry
from perdure.model.event import CancelRequested, HookReceived, WaitCompleted, WakeRequested
from perdure.model.ids import MailId, RunId
from perdure.world.mail import Letter


def cancel_letter(
    mail_id: MailId, run_id: RunId, reason: str | None, force_at_ms: int | None, by: str | None = None
) -> Letter:
    cancel = CancelRequested(reason=reason, force_at_ms=force_at_ms, by=by)
    return Letter(mail_id=mail_id, run_id=run_id, kind="cancel_requested", key="", payload=pack(cancel))


def wake_letter(mail_id: MailId, run_id: RunId, by: str | None = None) -> Letter:
    return Letter(mail_id=mail_id, run_id=run_id, kind="wake_requested", key="", payload=pack(WakeRequested(by=by)))


def hook_letter(
    mail_id: MailId, run_id: RunId, key: str, payload: bytes, sent_ms: int, by: str | None = None
) -> Letter:
    received = HookReceived(payload=Raw(payload), sent_ms=sent_ms, by=by)
    return Letter(mail_id=mail_id, run_id=run_id, kind="hook_received", key=key, payload=pack(received))


def entries_of(letter: Letter, pending: Pending) -> list[Entry]:
    """What the letter becomes, one entry of which takes it out of the inbox. Raises: DecodeError."""
    entry = Entry(0, letter.key, unpack(letter.kind, letter.payload), letter.mail_id)
    if isinstance(entry.fact, HookReceived):
        return [*_overdue(pending, entry.fact.sent_ms), entry]
    if not isinstance(entry.fact, WakeRequested):
        return [entry]
    sleeps = [(key, wait) for key, wait in pending.waits.items() if not wait.timeout]
    return [entry, *(Entry(0, key, WaitCompleted(due_ms=wait.due_ms, woken=True)) for key, wait in sleeps)]


def _overdue(pending: Pending, at_ms: int) -> list[Entry]:
    """The waits that were due when a payload was sent: their time was up first, though nobody lived to say so."""
    due = sorted((wait.due_ms, key) for key, wait in pending.waits.items() if wait.due_ms <= at_ms)
    return [Entry(0, key, WaitCompleted(due_ms=due_ms)) for due_ms, key in due]
