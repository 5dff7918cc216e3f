"""A row of the table `runs`, and how a record is made of it."""

from typing import Any, cast

from msgspec import json

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status
from perdure.world import RunRecord
from perdure.worlds.postgres.text import read, read_optional, read_pairs

COLUMNS = (
    "run_id, workflow, status, owner, epoch, length, mail, wake_at_ms, idempotency_key, parent_id, root_id, "
    "attributes, deployment, recoveries, created_at_ms, started_at_ms, ended_at_ms, writes, pin"
)
COUNT = COLUMNS.count(",") + 1

_pairs = json.Decoder(dict[str, str])


def to_record(row: Any) -> RunRecord:
    """`row` begins with COLUMNS."""
    owner, parent_id, root_id = (read_optional(row[place]) for place in (3, 9, 10))
    return RunRecord(
        run_id=RunId(read(row[0])),
        workflow=read(row[1]),
        status=cast(Status, row[2]),
        owner=None if owner is None else WorkerId(owner),
        epoch=row[4],
        length=row[5],
        mail=row[6],
        wake_at_ms=row[7],
        idempotency_key=read_optional(row[8]),
        parent_id=None if parent_id is None else RunId(parent_id),
        root_id=None if root_id is None else RunId(root_id),
        attributes={} if row[11] == "{}" else read_pairs(_pairs.decode(row[11])),
        deployment=read(row[12]),
        recoveries=row[13],
        created_at_ms=row[14],
        started_at_ms=row[15],
        ended_at_ms=row[16],
        writes=row[17],
        pin=read(row[18]),
    )
