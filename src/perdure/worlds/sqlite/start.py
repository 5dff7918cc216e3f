"""A start: a run's row and its first events."""

from perdure.model.ids import RunId, WorkerId
from perdure.world import NewRow, Start, Started
from perdure.worlds.sqlite.row import to_json
from perdure.worlds.sqlite.transaction import Transaction

_LIVE = "SELECT 1 FROM workers WHERE worker_id = ? AND lease_until_ms > ?"

_INSERT = """
    INSERT INTO runs (run_id, workflow, status, owner, epoch, length, at_ms, wake_at_ms, idempotency_key, parent_id,
                      root_id, attributes, deployment, pin, created_at_ms, started_at_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""

_FIND = """
    SELECT run_id, owner, epoch, created_at_ms FROM runs WHERE run_id = ?1
    UNION ALL
    SELECT run_id, owner, epoch, created_at_ms FROM runs WHERE idempotency_key = ?2 AND run_id <> ?1
"""


def start(transaction: Transaction, start: Start, at_ms: int | None = None) -> Started:
    """`at_ms`: of the append whose child this is; None: the store's clock. What it waits for goes by that clock anyway."""
    at_ms = transaction.now_ms if at_ms is None else at_ms
    owner = start.owner if start.owner is not None and _is_live(transaction, start.owner) else None
    rows = [NewRow(turn=0, type="run_created", key="", payload=start.created)]
    if owner is None:
        status, epoch, started_at_ms = "pending", 0, None
        wake_at_ms = transaction.now_ms if start.wake_at_ms is None else start.wake_at_ms
    else:
        status, epoch, started_at_ms, wake_at_ms = "running", 1, at_ms, None
        rows.append(NewRow(turn=0, type="run_started", key="", payload=start.started))
    transaction.execute(
        _INSERT,
        (
            start.run_id,
            start.workflow,
            status,
            owner,
            epoch,
            len(rows),
            at_ms,
            wake_at_ms,
            start.idempotency_key,
            start.parent_id,
            start.root_id,
            to_json(start.attributes),
            start.deployment,
            start.pin,
            at_ms,
            started_at_ms,
        ),
    )
    if not transaction.connection.changes():
        return _find(transaction, start)
    transaction.insert(start.run_id, 1, epoch, at_ms, rows)
    transaction.stirs = transaction.stirs or owner is None
    return Started(run_id=start.run_id, created=True, owned=owner is not None, at_ms=at_ms)


def _find(transaction: Transaction, start: Start) -> Started:
    """The run that has the id, or else the one that has the key."""
    found = transaction.execute(_FIND, (start.run_id, start.idempotency_key)).fetchall()
    run_id, owner, epoch, created_at_ms = found[0]
    owned = run_id == start.run_id and start.owner is not None and owner == start.owner and epoch == 1
    return Started(run_id=RunId(run_id), created=False, owned=owned, at_ms=created_at_ms)


def _is_live(transaction: Transaction, worker_id: WorkerId) -> bool:
    return bool(transaction.execute(_LIVE, (worker_id, transaction.now_ms)).fetchall())
