"""A World of its own for each test, in memory."""

from collections.abc import AsyncIterator

import pytest

from perdure import close, configure


@pytest.fixture(autouse=True)
async def fresh_world(anyio_backend: str) -> AsyncIterator[None]:
    configure(world="memory://")
    yield
    await close()
