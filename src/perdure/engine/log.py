"""Rows as events."""

from perdure.codec.fact import unpack
from perdure.errors import DecodeError
from perdure.model.event import AnyFact, Event, HookConflict, HookCreated
from perdure.world.log import Log, Row


def to_event(row: Row) -> Event:
    """Raises: DecodeError if the payload isn't readable here."""
    return Event(
        seq=row.seq,
        turn=row.turn,
        epoch=row.epoch,
        key=row.key,
        at_ms=row.at_ms,
        fact=_fact(row),
        mail_id=row.mail_id,
    )


def _fact(row: Row) -> AnyFact:
    if row.type != HookConflict.type:
        return unpack(row.type, row.payload)
    asked = unpack(HookCreated.type, row.payload)  # the World changed the type, it can't look into payloads
    if not isinstance(asked, HookCreated) or row.decided is None:
        raise DecodeError(row.type, "it doesn't say who has the token: the log is damaged")
    return HookConflict(hook=asked, owner=row.decided)


def to_events(log: Log) -> list[Event]:
    return [to_event(row) for row in log.rows]
