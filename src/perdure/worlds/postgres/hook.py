"""Hooks: one open hook for each token, and who had it last. A closed one is kept as long as its run."""

from typing import Any

from perdure.model.ids import RunId
from perdure.world import HookChange, HookClosing, HookFilter, HookFinding, HookRecord, NewHook
from perdure.worlds.postgres.connection import Call
from perdure.worlds.postgres.query import to_row
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import read, write, write_optional

_COLUMNS = "run_id, key, token_hash, seq, webhook, expires_at_ms, closed, created_at_ms"
_COUNT = 8
_FIND = Call("SELECT * FROM perdure.find_hook($1)")  # _COLUMNS, columns of its event
_LIST = f"""
    SELECT {_COLUMNS} FROM perdure.hooks
    WHERE NOT closed AND ($1::text IS NULL OR (run_id, seq) < ($1::text, $2::bigint))
        AND (expires_at_ms IS NULL OR expires_at_ms > coalesce($3::bigint, perdure.clock_ms()))
    ORDER BY run_id DESC, seq DESC LIMIT $4::bigint
"""


def hook_words(change: HookChange) -> dict[str, Any]:
    """One of what `hooks_change` is told."""
    if isinstance(change, NewHook):
        return {
            "do": "new",
            "key": write(change.key),
            "token": write(change.token_hash),
            "row": change.row,
            "webhook": change.webhook,
            "expires": change.expires_at_ms,
        }
    return {"do": "close" if isinstance(change, HookClosing) else "reopen", "key": write(change.key)}


class PostgresHooks:
    """Hooks by their tokens."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def find(self, token_hash: str) -> HookFinding | None:
        row = await self._store.fetch_row(_FIND, write(token_hash))
        return None if row is None else HookFinding(record=_to_record(row), row=to_row(tuple(row)[_COUNT:]))

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        run_id, seq = filter.before or (None, 0)
        rows = await self._store.fetch(_LIST, write_optional(run_id), seq, self._store.told_ms, filter.limit)
        return tuple(_to_record(row) for row in rows)


def _to_record(row: Any) -> HookRecord:
    """`row` begins with _COLUMNS."""
    return HookRecord(
        run_id=RunId(read(row[0])),
        key=read(row[1]),
        token_hash=read(row[2]),
        seq=row[3],
        webhook=row[4],
        expires_at_ms=row[5],
        closed=row[6],
        created_at_ms=row[7],
    )
