"""What can be asked about runs without owning them: logs, and runs by what is known of them."""

from typing import Any

from perdure.model.ids import RunId
from perdure.world import Log, Row, RunFilter, RunPage, RunRecord
from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.row import COLUMNS, from_json, read_record, to_json, to_record

EVENT = ", ".join(
    f"events.{column}" for column in ("seq", "turn", "epoch", "type", "key", "payload", "at_ms", "mail_id", "decided")
)
_ROWS = f"SELECT {EVENT} FROM events WHERE run_id = ? AND seq >= ? ORDER BY seq LIMIT ?"
_BY_KEY = f"SELECT {COLUMNS} FROM runs WHERE idempotency_key = ?"


def read_log(connection: Connection, run_id: RunId, from_seq: int, limit: int | None) -> Log | None:
    connection.execute("BEGIN")  # one snapshot for both
    record = read_record(connection, run_id)
    if record is None:
        return None
    found = connection.execute(_ROWS, (run_id, from_seq, -1 if limit is None else limit))
    return Log(run=record, rows=tuple([to_row(each) for each in found]))


def to_row(event: Any) -> Row:
    """`event` holds EVENT."""
    seq, turn, epoch, type, key, payload, at_ms, mail_id, decided = event
    return Row(
        seq=seq,
        turn=turn,
        epoch=epoch,
        type=type,
        key=key,
        payload=payload,
        at_ms=at_ms,
        mail_id=mail_id,
        decided=decided,
    )


def find_run(connection: Connection, idempotency_key: str) -> RunRecord | None:
    rows = connection.execute(_BY_KEY, (idempotency_key,)).fetchall()
    return to_record(rows[0]) if rows else None


def list_runs(connection: Connection, filter: RunFilter) -> RunPage:
    sql, values = listing(filter)
    rows = connection.execute(sql, values).fetchall()
    return RunPage(runs=tuple(to_record(row) for row in rows[: filter.limit]), more=len(rows) > filter.limit)


def listing(filter: RunFilter) -> tuple[str, tuple[str | int, ...]]:
    """A fixed text for each set of conditions, and what goes into it."""
    terms, values = _terms(filter)
    where = " AND ".join(terms) or "TRUE"
    return f"SELECT {COLUMNS} FROM runs WHERE {where} ORDER BY run_id DESC LIMIT ?", (*values, filter.limit + 1)


def has_attributes(attributes: str | None, wanted: str) -> bool:
    """The SQL function of the same name, for SQLite's own JSON cuts texts at NUL. Both are JSON objects."""
    return from_json(wanted).items() <= from_json(attributes).items()


FUNCTIONS = {"has_attributes": has_attributes}


def _terms(filter: RunFilter) -> tuple[list[str], list[str | int]]:
    """Fixed texts with placeholders, and what goes into these."""
    given: list[tuple[str, list[str | int]]] = []
    if filter.status:
        given.append((f"status IN ({', '.join('?' * len(filter.status))})", [*filter.status]))
    if filter.run_ids:
        given.append((f"run_id IN ({', '.join('?' * len(filter.run_ids))})", [*filter.run_ids]))
    if filter.workflow is not None:
        given.append(("workflow = ?", [filter.workflow]))
    if filter.without is not None:
        given.append(("NOT (workflow >= ? AND workflow < ?)", [filter.without, filter.without + "\U0010ffff"]))
    if filter.since_ms is not None:
        given.append(("created_at_ms >= ?", [filter.since_ms]))
    if filter.until_ms is not None:
        given.append(("created_at_ms < ?", [filter.until_ms]))
    if filter.attributes:
        given.append(("has_attributes(attributes, ?)", [to_json(filter.attributes) or ""]))
    if filter.prefix:
        given.append(("run_id >= ? AND run_id < ?", [filter.prefix, filter.prefix + "\U0010ffff"]))
    if filter.parent_id is not None:
        given.append(("parent_id = ?", [filter.parent_id]))
    if filter.before is not None:
        given.append(("run_id < ?", [filter.before]))
    return [term for term, _ in given], [value for _, values in given for value in values]
