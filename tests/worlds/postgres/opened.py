"""A PostgreSQL World for the length of a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from perdure.worlds.postgres import PostgresWorld


@asynccontextmanager
async def opened(url: str, clock: Callable[[], int] | None = None) -> AsyncIterator[PostgresWorld]:
    world = PostgresWorld(url, clock)
    await world.open()
    try:
        yield world
    finally:
        await world.close()
