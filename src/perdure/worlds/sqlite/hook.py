"""Hooks: one open hook for each token, and who had it last. A closed one is kept as long as its run."""

from typing import Any

from perdure.model.ids import RunId
from perdure.world import Append, HookClosing, HookFilter, HookFinding, HookRecord, HookReopening, NewHook
from perdure.worlds.sqlite.connection import Connection
from perdure.worlds.sqlite.query import EVENT, to_row
from perdure.worlds.sqlite.store import Store
from perdure.worlds.sqlite.transaction import Transaction

_COLUMNS = "run_id, key, token_hash, seq, webhook, expires_at_ms, closed, created_at_ms"
_COUNT = 8

_INSERT = f"INSERT INTO hooks ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0, ?)"
# Told which index: the planner may take one with all that ever had the token, or that the run ever had.
_HOLDER = "SELECT run_id, expires_at_ms FROM hooks INDEXED BY hooks_open WHERE token_hash = ? AND closed = 0"
_FREE = "UPDATE hooks INDEXED BY hooks_open SET closed = 1 WHERE token_hash = ? AND closed = 0"
_CLOSE = "UPDATE hooks SET closed = 1 WHERE run_id = ? AND key = ? AND closed = 0"
_CLOSE_ALL = "UPDATE hooks INDEXED BY hooks_of_runs SET closed = 1 WHERE run_id = ? AND closed = 0"
_REOPEN = "UPDATE hooks SET closed = 0 WHERE run_id = ? AND key = ?"
_REOPENABLE = """
    SELECT token_hash FROM hooks
    WHERE run_id = ? AND key = ? AND closed = 1 AND (expires_at_ms IS NULL OR expires_at_ms > ?)
"""
_TAKES = """
    SELECT 1 FROM hooks
    WHERE run_id = ? AND key = ? AND closed = 0 AND (expires_at_ms IS NULL OR expires_at_ms > ?)
"""
_FIND = f"""
    SELECT {", ".join(f"hooks.{column}" for column in _COLUMNS.split(", "))}, {EVENT}
    FROM hooks CROSS JOIN events ON events.run_id = hooks.run_id AND events.seq = hooks.seq
    WHERE id = coalesce((SELECT id FROM hooks INDEXED BY hooks_open WHERE token_hash = ?1 AND closed = 0),
                        (SELECT max(id) FROM hooks INDEXED BY hooks_by_token WHERE token_hash = ?1))
"""
_LIST = f"""
    SELECT {_COLUMNS} FROM hooks INDEXED BY hooks_of_runs
    WHERE closed = 0 AND (run_id, seq) < (?, ?) AND (expires_at_ms IS NULL OR expires_at_ms > ?)
    ORDER BY run_id DESC, seq DESC LIMIT ?
"""
_BEFORE_THE_FIRST = ("x", 0)
"""In the order of a list: every run's id begins with wrun_."""


def is_taken(transaction: Transaction, append: Append) -> bool:
    """Whether a hook that is to be open again finds its token taken."""
    asked_for: set[str] = set()
    for _, token_hash in _reopenable(transaction, append):
        holder, expired = _holder(transaction, token_hash)
        if token_hash in asked_for or (holder is not None and not expired):
            return True
        asked_for.add(token_hash)
    return False


def change(transaction: Transaction, append: Append, at_ms: int) -> dict[int, RunId]:
    """Do what the append asks for; the rows that met a taken token, and who has it."""
    connection = transaction.connection
    for key, token_hash in _reopenable(transaction, append):
        _take(transaction, token_hash)
        connection.execute(_REOPEN, (append.run_id, key))
    conflicts: dict[int, RunId] = {}
    for asked in append.hooks:
        match asked:
            case NewHook():
                holder = _register(transaction, append, asked, at_ms)
                if holder is not None:
                    conflicts[asked.row] = holder
            case HookClosing():
                connection.execute(_CLOSE, (append.run_id, asked.key))
            case HookReopening():
                pass
    return conflicts


def close_all(transaction: Transaction, run_id: RunId) -> None:
    """The run has ended."""
    transaction.connection.execute(_CLOSE_ALL, (run_id,))


def takes(transaction: Transaction, run_id: RunId, key: str) -> bool:
    """Whether this hook accepts a payload now."""
    return bool(transaction.connection.execute(_TAKES, (run_id, key, transaction.now_ms)).fetchall())


def _register(transaction: Transaction, append: Append, new: NewHook, at_ms: int) -> RunId | None:
    """The run that has the token, if one has."""
    holder = _take(transaction, new.token_hash)
    if holder is None:
        seq = append.seq + new.row
        row = (append.run_id, new.key, new.token_hash, seq, new.webhook, new.expires_at_ms, at_ms)
        transaction.connection.execute(_INSERT, row)
    return holder


def _take(transaction: Transaction, token_hash: str) -> RunId | None:
    """The run that has the token; None: it is free now, a hook that has expired doesn't keep it."""
    holder, expired = _holder(transaction, token_hash)
    if expired:
        transaction.connection.execute(_FREE, (token_hash,))
    return None if expired else holder


def _holder(transaction: Transaction, token_hash: str) -> tuple[RunId | None, bool]:
    """The run whose open hook has the token, if one has, and whether that hook has expired."""
    for run_id, expires_at_ms in transaction.connection.execute(_HOLDER, (token_hash,)).fetchall():
        return run_id, expires_at_ms is not None and expires_at_ms <= transaction.now_ms
    return None, False


def _reopenable(transaction: Transaction, append: Append) -> list[tuple[str, str]]:
    """Keys and token hashes of the hooks that are closed, and would take payloads again."""
    found: list[tuple[str, str]] = []
    for asked in append.hooks:
        if isinstance(asked, HookReopening):
            rows = transaction.connection.execute(_REOPENABLE, (append.run_id, asked.key, transaction.now_ms))
            found += [(asked.key, token_hash) for (token_hash,) in rows.fetchall()]
    return found


class SqliteHooks:
    """Hooks by their tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, token_hash: str) -> HookFinding | None:
        return await self._store.read(_find, token_hash)

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await self._store.read(_list, filter, self._store.clock())


def _find(connection: Connection, token_hash: str) -> HookFinding | None:
    for row in connection.execute(_FIND, (token_hash,)).fetchall():
        return HookFinding(record=_to_record(row), row=to_row(row[_COUNT:]))
    return None


def _list(connection: Connection, filter: HookFilter, now_ms: int) -> tuple[HookRecord, ...]:
    rows = connection.execute(_LIST, (*(filter.before or _BEFORE_THE_FIRST), now_ms, filter.limit)).fetchall()
    return tuple(_to_record(row) for row in rows)


def _to_record(row: Any) -> HookRecord:
    """`row` begins with _COLUMNS."""
    return HookRecord(
        run_id=row[0],
        key=row[1],
        token_hash=row[2],
        seq=row[3],
        webhook=bool(row[4]),
        expires_at_ms=row[5],
        closed=bool(row[6]),
        created_at_ms=row[7],
    )
