"""Hooks: found by an index, whoever had the token before; listed by one."""

import pytest

from perdure.testing.conformance.sample import born, done, hook_of, hook_with, registering, run_id
from perdure.world import HookClosing
from perdure.worlds.postgres import hook
from perdure.worlds.postgres.hook import hook_words
from tests.worlds.postgres.database import plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


def test_words() -> None:
    assert hook_words(HookClosing(key="a\0")) == {"do": "close", "key": "a\x01\x01"}
    assert hook_words(hook_of("k", "t"))["expires"] is None


async def test_the_open_one_is_found_before_the_last_one(url: str) -> None:
    async with opened(url) as world:
        await born(world, 1)
        await born(world, 2)
        await done(world, registering(1, 3, hook_of("a")))
        await done(world, registering(1, 4, rows=(), hooks=(HookClosing(key="a"),)))
        assert (await hook_with(world)).closed
        await done(world, registering(2, 3, hook_of("b")))
        assert ((await hook_with(world)).run_id, (await hook_with(world)).closed) == (run_id(2), False)


async def test_indexes_are_used(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    find = await plan_of(url, hook._FIND, "t5")
    assert "hooks_open" in find
    assert "hooks_by_token" in find
    assert "Seq Scan" not in find
    listing = await plan_of(url, hook._LIST, "wrun_1", 1, 5, 20)
    assert "Index Scan Backward using hooks_of_runs" in listing
    assert "Sort" not in listing
