"""Letters, and what they become in the log of the run that gets them."""

from perdure.codec.fact import pack, unpack
from perdure.core.pending import Pending
from perdure.engine.append import Entry
from perdure.model.event import CancelRequested, WaitCompleted, WakeRequested
from perdure.model.ids import MailId, RunId
from perdure.world.mail import Letter


def cancel_letter(mail_id: MailId, run_id: RunId, reason: str | None, force_at_ms: int | None) -> Letter:
    cancel = CancelRequested(reason=reason, force_at_ms=force_at_ms)
    return Letter(mail_id=mail_id, run_id=run_id, kind="cancel_requested", key="", payload=pack(cancel))


def wake_letter(mail_id: MailId, run_id: RunId) -> Letter:
    return Letter(mail_id=mail_id, run_id=run_id, kind="wake_requested", key="", payload=pack(WakeRequested()))


def entries_of(letter: Letter, pending: Pending) -> list[Entry]:
    """What the letter becomes: the first entry takes it out of the inbox. Raises: DecodeError."""
    entry = Entry(0, letter.key, unpack(letter.kind, letter.payload), letter.mail_id)
    if not isinstance(entry.fact, WakeRequested):
        return [entry]
    sleeps = [(key, wait) for key, wait in pending.waits.items() if not wait.timeout]
    return [entry, *(Entry(0, key, WaitCompleted(due_ms=wait.due_ms, woken=True)) for key, wait in sleeps)]
