"""The examples' apps, each test with a World of its own whose clock it may put forward."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure import close, configure
from perdure.api.connect import CONNECTION
from perdure.worlds.memory.world import MemoryWorld, wall_clock_ms

PATIENCE_S = 60.0


class Clock:
    """The store's clock: the wall's, and what a test has put it forward."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def __call__(self) -> int:
        return wall_clock_ms() + self.ahead_ms

    def forward(self, days: int) -> None:
        self.ahead_ms += days * 86_400_000


@pytest.fixture
async def clock(anyio_backend: str) -> AsyncIterator[Clock]:
    clock = Clock()
    configure(world="memory://", base_url="https://app.example")
    CONNECTION.world = MemoryWorld(clock=clock)
    test = asyncio.current_task()
    assert test is not None
    alarm = asyncio.get_running_loop().call_later(PATIENCE_S, test.cancel)
    yield clock
    alarm.cancel()
    await close()
