"""Mail: how anyone who doesn't own a run reaches it. Outsiders never append."""

from typing import Literal

from msgspec import Struct

from perdure.model.ids import MailId, RunId

MailKind = Literal["cancel_requested", "wake_requested", "child_completed", "child_failed", "child_cancelled"]
"""The type of the event that the letter becomes."""


class Letter(Struct, frozen=True, gc=False, kw_only=True):
    """Mail for `run_id`. The sender makes `mail_id`, so that a second try of the same letter is harmless.

    `key` is the request that it answers (a child's end), or empty. `payload` is the event's payload.
    """

    mail_id: MailId
    run_id: RunId
    kind: MailKind
    key: str
    payload: bytes
