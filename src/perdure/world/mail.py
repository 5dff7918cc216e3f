"""Mail: how anyone who doesn't own a run reaches it. Outsiders never append."""

from msgspec import Struct

from perdure.model.ids import MailId, RunId


class Letter(Struct, frozen=True, gc=False, kw_only=True):
    """Mail for `run_id`. The sender makes `mail_id`, so that a second try of the same letter is harmless.

    `key` is the request that it answers (a child's end), or empty. `kind` and
    `payload` are the type and the payload of the event that it becomes.
    """

    mail_id: MailId
    run_id: RunId
    kind: str
    key: str
    payload: bytes
