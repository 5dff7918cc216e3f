"""A World of its own for each test, in memory; and an end for one that would wait for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure import close, configure
from perdure.http.ending import ending

PATIENCE_S = 60.0


@pytest.fixture(autouse=True)
async def fresh_world(anyio_backend: str) -> AsyncIterator[None]:
    configure(world="memory://", base_url="https://app.example")
    ending().clear()
    test = asyncio.current_task()
    assert test is not None
    alarm = asyncio.get_running_loop().call_later(PATIENCE_S, test.cancel)
    yield
    alarm.cancel()
    await close()
