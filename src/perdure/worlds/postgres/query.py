"""What can be asked about runs without owning them: logs, and runs by what is known of them."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from msgspec import json

from perdure.model.ids import MailId, RunId
from perdure.world import Log, Row, RunFilter, RunPage, RunRecord
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.row import COLUMNS, COUNT, to_record
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import read, write, write_pairs

_RUNS = f"SELECT {COLUMNS} FROM perdure.runs WHERE run_id = ANY ($1::text[])"
_BY_KEY = f"SELECT {COLUMNS} FROM perdure.runs WHERE idempotency_key = $1::text"

_LOGS = Call(
    "SELECT * FROM perdure.read_logs($1, $2, $3)"
)  # COLUMNS, the place of the question, columns of events as arrays


class Part(NamedTuple):
    """Of a run's log: from this seq on, at most so many rows; None: all."""

    run_id: RunId
    from_seq: int
    limit: int | None


async def read_runs(store: Store, run_ids: Sequence[RunId]) -> list[RunRecord | None]:
    """In the order asked for; None where there is no such run."""
    rows = await store.fetch(_RUNS, [write(run_id) for run_id in run_ids])
    found = {record.run_id: record for record in map(to_record, rows)}
    return [found.get(run_id) for run_id in run_ids]


async def read_logs(store: Store, parts: Sequence[Part]) -> list[Log | None]:
    """In the order asked for; None where there is no such run."""
    run_ids, firsts, limits = zip(*parts, strict=True)
    rows = await store.fetch(_LOGS, [write(run_id) for run_id in run_ids], firsts, limits)
    logs: list[Log | None] = [None] * len(parts)
    for row in rows:
        columns = tuple(row)[COUNT + 1 :]
        events = () if columns[0] is None else tuple(to_row(each) for each in zip(*columns, strict=True))
        logs[row[COUNT] - 1] = Log(run=to_record(row), rows=events)
    return logs


async def find_run(store: Store, idempotency_key: str) -> RunRecord | None:
    row = await store.fetch_row(_BY_KEY, write(idempotency_key))
    return None if row is None else to_record(row)


async def list_runs(store: Store, filter: RunFilter) -> RunPage:
    sql, values = listing(filter)
    rows = await store.fetch(sql, *values)
    return RunPage(runs=tuple(to_record(row) for row in rows[: filter.limit]), more=len(rows) > filter.limit)


def listing(filter: RunFilter) -> tuple[str, list[Any]]:
    """A fixed text for each set of conditions, and what goes into it."""
    given: list[tuple[str, Any]] = []
    if filter.status:
        given.append(("status = ANY ({}::text[])", list(filter.status)))
    if filter.run_ids:
        given.append(("run_id = ANY ({}::text[])", [write(run_id) for run_id in filter.run_ids]))
    if filter.workflow is not None:
        given.append(("workflow = {}::text", write(filter.workflow)))
    if filter.without is not None:
        given.append(("NOT starts_with(workflow, {}::text)", write(filter.without)))
    if filter.since_ms is not None:
        given.append(("created_at_ms >= {}::bigint", filter.since_ms))
    if filter.until_ms is not None:
        given.append(("created_at_ms < {}::bigint", filter.until_ms))
    if filter.attributes:
        wanted = write_pairs(filter.attributes)
        for key, value in wanted.items():
            given.append(
                ("run_id IN (SELECT run_id FROM perdure.labels WHERE hash = {}::bigint)", label_hash(key, value))
            )
        given.append(("attributes @> {}::jsonb", json.encode(wanted).decode()))
    if filter.prefix:
        given.append(("run_id >= {}::text", write(filter.prefix)))
        given.append(("run_id < {}::text", write(filter.prefix) + "\U0010ffff"))
    if filter.parent_id is not None:
        given.append(("parent_id = {}::text", write(filter.parent_id)))
    if filter.before is not None:
        given.append(("run_id < {}::text", write(filter.before)))
    terms = [term.format(f"${place}") for place, (term, _) in enumerate(given, 1)]
    sql = f"""
        SELECT {COLUMNS} FROM perdure.runs WHERE {" AND ".join(terms) or "true"}
        ORDER BY run_id DESC LIMIT ${len(given) + 1}::bigint
    """
    return sql, [*(value for _, value in given), filter.limit + 1]


def label_hash(key: str, value: str) -> int:
    """What an attribute is found by; both are written texts. SQL has the same function, in `0005_labels.sql`."""
    digest = sha256(f"{len(key.encode())}:{key}{value}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def to_row(row: Any) -> Row:
    """`row` holds the columns of an event."""
    seq, turn, epoch, type, key, payload, at_ms, mail_id, decided = row
    return Row(
        seq=seq,
        turn=turn,
        epoch=epoch,
        type=read(type),
        key=read(key),
        payload=payload,
        at_ms=at_ms,
        mail_id=None if mail_id is None else MailId(read(mail_id)),
        decided=None if decided is None else RunId(read(decided)),
    )
