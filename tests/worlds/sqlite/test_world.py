"""The SQLite World passes the suite of all Worlds, and does as the memory World does."""

from pathlib import Path

import pytest

from perdure.errors import WorldInvalid
from perdure.testing.conformance import CHECKS, Check, VirtualClock, compare
from perdure.worlds.memory import MemoryWorld
from perdure.worlds.sqlite import SqliteWorld
from tests.worlds.sqlite.opened import opened, url_of

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_conformance(check: Check, tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        await check(world, clock)


@pytest.mark.parametrize("seed", range(12))
async def test_does_as_memory_does(seed: int, tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        await compare(MemoryWorld(clock=clock), world, clock, seed)


async def test_a_url_of_another_kind_is_refused_at_once() -> None:
    with pytest.raises(WorldInvalid, match="write sqlite:///"):
        SqliteWorld("postgresql://host/db")


async def test_who_only_looks_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(WorldInvalid, match="there is no file"):
        await SqliteWorld(url_of(tmp_path), create=False).open()
    assert list(tmp_path.iterdir()) == []
    async with opened(tmp_path):
        pass
    world = SqliteWorld(url_of(tmp_path), create=False)
    await world.open()
    await world.close()


async def test_the_clock_is_the_one_given(tmp_path: Path) -> None:
    clock = VirtualClock(5)
    assert SqliteWorld(url_of(tmp_path), clock).now_ms() == 5
    assert SqliteWorld(url_of(tmp_path)).now_ms() > 1_700_000_000_000
