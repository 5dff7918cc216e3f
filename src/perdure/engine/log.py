"""Rows as events."""

from perdure.codec.fact import unpack
from perdure.model.event import Event
from perdure.world.log import Log, Row


def to_event(row: Row) -> Event:
    """Raises: DecodeError if the payload isn't readable here."""
    return Event(
        seq=row.seq,
        turn=row.turn,
        epoch=row.epoch,
        key=row.key,
        at_ms=row.at_ms,
        fact=unpack(row.type, row.payload),
        mail_id=row.mail_id,
    )


def to_events(log: Log) -> list[Event]:
    return [to_event(row) for row in log.rows]
