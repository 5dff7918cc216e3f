"""The PostgreSQL World passes the suite of all Worlds, and does as the memory World does."""

import pytest

from perdure.errors import WorldInvalid
from perdure.testing.conformance import CHECKS, Check, VirtualClock, compare
from perdure.worlds.memory import MemoryWorld
from perdure.worlds.postgres import PostgresWorld
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(check: Check, url: str) -> None:
    clock = VirtualClock()
    async with opened(url, clock) as world:
        await check(world, clock)


@pytest.mark.parametrize("seed", range(6))
async def test_does_as_memory_does(seed: int, url: str) -> None:
    clock = VirtualClock()
    async with opened(url, clock) as world:
        await compare(MemoryWorld(clock=clock), world, clock, seed)


async def test_a_url_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(WorldInvalid, match="write postgresql://"):
        PostgresWorld("sqlite:///runs.db")


async def test_the_clock_is_the_one_given(url: str) -> None:
    assert PostgresWorld(url, VirtualClock(5)).now_ms() == 5
    async with opened(url) as world:
        assert world.now_ms() > 1_700_000_000_000
