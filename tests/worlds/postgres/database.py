"""The database behind a World's URL, for tests that look or meddle beside it; and how it would go about a statement."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.location import location_of


@asynccontextmanager
async def database(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection whose search_path is the World's schema."""
    location = location_of(url)
    connection = await asyncpg.connect(location.dsn)
    try:
        await connection.execute(f'SET search_path = "{location.schema}"')
        yield connection
    finally:
        await connection.close()


async def plan_of(url: str, sql: str, *arguments: Any) -> str:
    """One line for each node, none of them a scan of a whole table that could be avoided."""
    async with database(url) as connection:
        await connection.execute("SET plan_cache_mode = force_custom_plan")
        rows = await connection.fetch(f"EXPLAIN (COSTS OFF) {qualified(sql, location_of(url).schema)}", *arguments)
        return "\n".join(row[0] for row in rows)
