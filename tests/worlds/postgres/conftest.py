"""A server for all, a schema for each."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import asyncpg
import pytest

from tests.worlds.postgres.server import running, url_of


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    with running() as uri:
        yield uri


@pytest.fixture
async def url(server: str, anyio_backend: str) -> AsyncIterator[str]:
    """A World's URL, in a schema that isn't there yet, and that is dropped afterwards."""
    schema = f"t_{uuid4().hex[:16]}"
    yield url_of(server, schema, migrate=1, listen=0)
    connection = await asyncpg.connect(server)
    await connection.execute("SET client_min_messages = error")
    await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
    await connection.close()
