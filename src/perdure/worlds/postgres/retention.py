"""Runs that are no longer kept: gone with all that hangs on them. What goes is in `0006_retention.sql`."""

from perdure.worlds.postgres.store import Store

_PRUNE = "SELECT perdure.prune($1, $2, $3)"


class PostgresRetention:
    """Removes what has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        [[removed]] = await self._store.fetch(_PRUNE, self._store.told_ms, ended_for_ms, limit)
        return removed
