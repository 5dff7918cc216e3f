"""Runs that are no longer kept: gone with all that hangs on them. What they took of the file is used again."""

from perdure.worlds.sqlite.store import Store
from perdure.worlds.sqlite.transaction import Transaction

_DOOMED = """
    SELECT run_id FROM runs AS r INDEXED BY runs_by_end
    WHERE ended_at_ms <= ? AND NOT EXISTS (SELECT 1 FROM runs WHERE run_id = r.parent_id)
    ORDER BY ended_at_ms, run_id LIMIT ?
"""
_REMOVE = (
    "DELETE FROM chunks WHERE stream_id IN (SELECT id FROM streams WHERE run_id = ?)",
    "DELETE FROM streams WHERE run_id = ?",
    "DELETE FROM hooks WHERE run_id = ?",
    "DELETE FROM inbox WHERE run_id = ?",
    "DELETE FROM events WHERE run_id = ?",
    "DELETE FROM runs WHERE run_id = ?",
)


class SqliteRetention:
    """Removes what has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await self._store.write(_prune, ended_for_ms, limit)


def _prune(transaction: Transaction, ended_for_ms: int, limit: int) -> int:
    transaction.flush()  # a run may have ended in this very transaction
    connection = transaction.connection
    doomed = connection.execute(_DOOMED, (transaction.now_ms - ended_for_ms, limit)).fetchall()
    for statement in _REMOVE:
        connection.executemany(statement, doomed)
    return len(doomed)
