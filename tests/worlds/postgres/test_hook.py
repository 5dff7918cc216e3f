"""Hooks: found by an index, whoever had the token before; listed by one."""

import pytest

from perdure.testing.conformance.sample import born, done, hook_of, hook_with, registering, run_id
from perdure.world import HookClosing
from perdure.worlds.postgres import hook
from perdure.worlds.postgres.hook import hook_words
from tests.worlds.postgres.database import database, plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio
_READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'hooks'::regclass"


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


async def test_one_of_many_is_found_without_looking_at_the_others(url: str) -> None:
    """Whether it is open or was closed; however often its token was used."""
    async with opened(url) as world, database(url) as connection:
        await fill(url, world)
        for number in range(30_001, 30_040):
            await born(world, number)
            await done(world, registering(number, 3, hook_of("a", "often"), hook_of("b", f"{number}"), status="failed"))
        await born(world, 30_050)
        await done(world, registering(30_050, 3, hook_of("a", "open")))
        find = hook._FIND.replace("perdure.", "")
        await connection.fetch(find, "nobody's")  # what it takes to plan it
        async with connection.transaction():
            for token in ("often", "30039", "open") * 3:
                before = await connection.fetchval(_READ)
                [row] = await connection.fetch(find, token)
                assert row["run_id"] == run_id(30_050 if token == "open" else 30_039)
                assert await connection.fetchval(_READ) - before <= 2
            sql = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname = current_schema()"
            assert [row["relname"] for row in await connection.fetch(sql)] == []


async def test_indexes_are_used(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    listing = await plan_of(url, hook._LIST, "wrun_1", 1, 5, 20)
    assert "Index Scan Backward using hooks_of_runs" in listing
    assert "Sort" not in listing
