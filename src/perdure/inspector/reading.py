"""A run's log as far as it can be read here: an event that can't keeps its place, and doesn't hide the others.

One that is sealed with a key that isn't here is another matter: then nothing of the run can be read, and that is said.
"""

from typing import Any, cast

from msgspec import Struct

from perdure.engine.engine import Engine
from perdure.engine.log import event_of, read_log, to_event
from perdure.engine.seal import open_log
from perdure.errors import DecodeError, PayloadLocked
from perdure.model.event import AnyFact, Event
from perdure.model.ids import RunId
from perdure.world.log import Log, Row


class Unreadable(Struct, frozen=True, gc=False):
    """Stands for a fact of this type. `reason`: why it can't be read."""

    type: str
    reason: str


async def read_events(engine: Engine, run_id: RunId) -> tuple[Log, list[Event]]:
    """The run's row and its events. Raises: RunNotFound, PayloadLocked, WorldError."""
    log = await read_log(engine.world, run_id)
    return log, events_of(engine, log)


def events_of(engine: Engine, log: Log) -> list[Event]:
    """Of a whole log. Raises: PayloadLocked."""
    return [_event(row) for row in open_log(log, engine.keys).rows]


def _event(row: Row) -> Event:
    try:
        return to_event(row)
    except PayloadLocked:
        raise
    except DecodeError as error:
        fact: Any = Unreadable(row.type, error.reason)
        return event_of(row, cast(AnyFact, fact))
