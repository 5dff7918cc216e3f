"""A run's log."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec

from perdure.api.info import event_infos
from perdure.api.records import EventInfo, Page, Record
from perdure.engine.engine import Engine
from perdure.engine.log import read_log
from perdure.inspector.page import Asked, no_cursor, place_in
from perdure.inspector.record import record_of
from perdure.inspector.redaction import redacted_facts
from perdure.inspector.reference import run_named


@dataclass(frozen=True, slots=True)
class EventView(Record):
    """`after_ms`: since the run was created."""

    info: EventInfo
    after_ms: int
    with_data: bool

    def as_json(self) -> dict[str, Any]:
        shown = {**self.info.as_json(), "afterMs": self.after_ms}
        if not self.with_data:
            del shown["data"]
        return shown

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "EventView":
        """The view whose JSON this is. Raises: msgspec.ValidationError."""
        return cls(record_of(EventInfo, told), msgspec.convert(told.get("afterMs"), int), "data" in told)


async def list_events(engine: Engine, run: str, asked: Asked) -> Page[EventView]:
    """In the order of the log. Raises: RunNotFound, UsageError."""
    first = 1 if asked.cursor is None else _seq(asked.cursor)
    log = await read_log(engine.world, await run_named(engine, run), first, asked.limit + 1)
    page, rest = log.rows[: asked.limit], log.rows[asked.limit :]
    infos = event_infos(msgspec.structs.replace(log, rows=page), engine.keys)
    views = (
        EventView(replace(info, data=redacted_facts(info.data)), row.at_ms - log.run.created_at_ms, asked.with_data)
        for row, info in zip(page, infos, strict=True)
    )
    return Page(items=tuple(views), cursor=str(rest[0].seq) if rest else None)


def _seq(cursor: str) -> int:
    seq = place_in(cursor, "events")
    if seq < 1:
        raise no_cursor(cursor, "events")
    return seq
