"""Rows as events: opened where they are sealed, and read."""

from perdure.codec.fact import unpack
from perdure.codec.keyring import KeyRing
from perdure.engine.seal import open_log
from perdure.errors import DecodeError, RunNotFound
from perdure.model.event import AnyFact, Event, HookConflict, HookCreated
from perdure.model.ids import RunId
from perdure.world.log import Log, Row
from perdure.world.world import World


async def read_log(world: World, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log:
    """The run's row and its rows from `from_seq`, at most so many, as the World keeps them, sealed or not.

    Raises: RunNotFound, WorldError.
    """
    log = await world.read_log(run_id, from_seq, limit)
    if log is None:
        raise RunNotFound(run_id)
    return log


def to_event(row: Row) -> Event:
    """Of a row that isn't sealed, or was opened. Raises: DecodeError if the payload isn't readable here."""
    return event_of(row, _fact(row))


def event_of(row: Row, fact: AnyFact) -> Event:
    """The row, where this is what its payload says."""
    return Event(
        seq=row.seq,
        turn=row.turn,
        epoch=row.epoch,
        key=row.key,
        at_ms=row.at_ms,
        fact=fact,
        mail_id=row.mail_id,
    )


def _fact(row: Row) -> AnyFact:
    if row.type != HookConflict.type:
        return unpack(row.type, row.payload)
    asked = unpack(HookCreated.type, row.payload)  # the World changed the type, it can't look into payloads
    if not isinstance(asked, HookCreated) or row.decided is None:
        raise DecodeError(row.type, "it doesn't say who has the token: the log is damaged")
    return HookConflict(hook=asked, owner=row.decided)


def to_events(log: Log, keys: KeyRing | None = None) -> list[Event]:
    """Raises: DecodeError, PayloadLocked among them."""
    return [to_event(row) for row in open_log(log, keys).rows]
