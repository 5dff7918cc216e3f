"""A SQLite World for the length of a test."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from perdure.worlds.sqlite import SqliteWorld


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/runs.db"


@asynccontextmanager
async def opened(folder: Path, clock: Callable[[], int] | None = None) -> AsyncIterator[SqliteWorld]:
    world = SqliteWorld(url_of(folder), clock)
    await world.open()
    try:
        yield world
    finally:
        await world.close()
