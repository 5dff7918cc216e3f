"""Rows of a log. A World keeps payloads as bytes and never looks inside."""

from msgspec import Struct

from perdure.model.ids import MailId, RunId
from perdure.world.query import RunRecord


class NewRow(Struct, frozen=True, gc=False, kw_only=True):
    """An event to be appended; its seq follows from its place in the append, `at` from the store's clock.

    `mail_id` is set where the event is a letter that leaves the inbox: one id is in one log at most once.
    """

    turn: int
    type: str
    key: str
    payload: bytes
    mail_id: MailId | None = None


class Row(Struct, frozen=True, gc=False, kw_only=True):
    """An event as it is kept. `decided` is set where the World had to decide: the run that holds the token."""

    seq: int
    turn: int
    epoch: int
    type: str
    key: str
    payload: bytes
    at_ms: int
    mail_id: MailId | None = None
    decided: RunId | None = None


class Log(Struct, frozen=True, gc=False, kw_only=True):
    """A run and its rows (from the seq that was asked for, in order), read in one snapshot."""

    run: RunRecord
    rows: tuple[Row, ...]
