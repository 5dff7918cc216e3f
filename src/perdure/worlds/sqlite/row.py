"""A row of the table `runs`, and how a record is made of it."""

from typing import Any

from msgspec import json

from perdure.model.ids import RunId
from perdure.world import RunRecord
from perdure.worlds.sqlite.connection import Connection

COLUMNS = (
    "run_id, workflow, status, owner, epoch, length, mail, wake_at_ms, idempotency_key, parent_id, root_id, "
    "attributes, deployment, recoveries, created_at_ms, started_at_ms, ended_at_ms, writes, pin"
)

_SELECT = f"SELECT {COLUMNS} FROM runs WHERE run_id = ?"
_attributes = json.Decoder(dict[str, str])


def read_record(connection: Connection, run_id: RunId) -> RunRecord | None:
    rows = connection.execute(_SELECT, (run_id,)).fetchall()
    return to_record(rows[0]) if rows else None


def to_record(row: Any) -> RunRecord:
    """`row` holds COLUMNS."""
    return RunRecord(
        run_id=row[0],
        workflow=row[1],
        status=row[2],
        owner=row[3],
        epoch=row[4],
        length=row[5],
        mail=row[6],
        wake_at_ms=row[7],
        idempotency_key=row[8],
        parent_id=row[9],
        root_id=row[10],
        attributes=from_json(row[11]),
        deployment=row[12],
        recoveries=row[13],
        created_at_ms=row[14],
        started_at_ms=row[15],
        ended_at_ms=row[16],
        writes=row[17],
        pin=row[18],
    )


def from_json(attributes: str | None) -> dict[str, str]:
    return {} if attributes is None else _attributes.decode(attributes)


def to_json(attributes: dict[str, str]) -> str | None:
    return json.encode(attributes).decode() if attributes else None
