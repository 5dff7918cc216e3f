"""Hooks on disk: found by index, one for each token whoever writes, and there again after a restart."""

import asyncio
from pathlib import Path

import apsw
import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import (
    append_to,
    born,
    do,
    done,
    hook_of,
    hook_with,
    registering,
    run_id,
    send_to,
)
from perdure.world import Appended, HookClosing, HookFilter, HookReopening, Sent
from perdure.worlds.sqlite import hook
from tests.worlds.sqlite.opened import opened
from tests.worlds.sqlite.plan import plan_of

pytestmark = pytest.mark.anyio

PLANS = {
    "_HOLDER": "SEARCH hooks USING INDEX hooks_open (token_hash=?)",
    "_FREE": "SEARCH hooks USING INDEX hooks_open (token_hash=?)",
    "_CLOSE": "SEARCH hooks USING INDEX sqlite_autoindex_hooks_1 (run_id=? AND key=?)",
    "_CLOSE_ALL": "SEARCH hooks USING INDEX hooks_of_runs (run_id=?)",
    "_REOPEN": "SEARCH hooks USING INDEX sqlite_autoindex_hooks_1 (run_id=? AND key=?)",
    "_REOPENABLE": "SEARCH hooks USING INDEX sqlite_autoindex_hooks_1 (run_id=? AND key=?)",
    "_TAKES": "SEARCH hooks USING INDEX sqlite_autoindex_hooks_1 (run_id=? AND key=?)",
    "_LIST": "SEARCH hooks USING INDEX hooks_of_runs ((run_id,seq)<(?,?))",
}


@pytest.mark.parametrize("name", [*PLANS, "_FIND"])
async def test_hooks_are_found_by_index(name: str, tmp_path: Path) -> None:
    """Also when SQLite has looked at the tables, and thought anew."""
    async with opened(tmp_path) as world:
        for number in range(20):
            await born(world, number)
            hooks = [hook_of(f"{place}", f"{number} {place}") for place in range(5)]
            await done(world, registering(number, 3, *hooks, status="completed" if number % 2 else None))
        for _ in range(2):
            plan = plan_of(tmp_path, getattr(hook, name))
            assert "SCAN" not in plan
            assert "TEMP B-TREE" not in plan
            assert name not in PLANS or plan == PLANS[name]
            connection = apsw.Connection(str(tmp_path / "runs.db"))
            connection.execute("ANALYZE")
            connection.close()


async def test_a_token_found_costs_the_same_however_often_it_was_used(tmp_path: Path) -> None:
    """One index entry for the open hook, one for the last: not all that ever had it."""
    async with opened(tmp_path):
        steps = plan_of(tmp_path, hook._FIND).split(" | ")
        searches = [step for step in steps if step.startswith("SEARCH")]
        assert searches == [
            "SEARCH hooks USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH hooks USING COVERING INDEX hooks_open (token_hash=?)",
            "SEARCH hooks USING COVERING INDEX hooks_by_token (token_hash=?)",
            "SEARCH events USING PRIMARY KEY (run_id=? AND seq=?)",
        ]


async def test_one_of_many_runs_gets_the_token(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        for number in range(20):
            await born(one, number)
        outcomes = await asyncio.gather(
            *(do((one, other)[number % 2], registering(number, 3, hook_of("a", "t"))) for number in range(20))
        )
        told = [outcome.conflicts for outcome in outcomes if isinstance(outcome, Appended)]
        assert len(told) == 20
        [winner] = [number for number, conflicts in enumerate(told) if not conflicts]
        assert [conflicts for conflicts in told if conflicts] == [{0: run_id(winner)}] * 19
        assert (await hook_with(one, "t")).run_id == (await hook_with(other, "t")).run_id == run_id(winner)


async def test_hooks_are_there_after_a_restart(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        await born(world, 1)
        await born(world, 2)
        hooks = hook_of("a", "s", webhook=True), hook_of("b", "t", expires_at_ms=clock() + 10), hook_of("c", "r")
        await done(world, registering(1, 3, *hooks))
        await done(world, append_to(1, 6, hooks=(HookClosing(key="c"),)))
        before = [await hook_with(world, token) for token in "str"]
    async with opened(tmp_path, clock) as world:
        assert [await hook_with(world, token) for token in "str"] == before
        assert len(await world.hooks.list(HookFilter())) == 2
        assert await do(world, send_to(1, "m", "b")) == Sent()
        assert (await done(world, registering(2, 3, hook_of("a", "s")))).conflicts == {0: run_id(1)}


async def test_the_file_itself_keeps_tokens_apart(tmp_path: Path) -> None:
    """Two open hooks with one token: no statement of ours or of anybody else gets that far."""
    async with opened(tmp_path) as world:
        await born(world, 1)
        await done(world, registering(1, 3, hook_of("a", "t")))
        await done(world, append_to(1, 4, hooks=(HookClosing(key="a"),)))
        await done(world, registering(1, 5, hook_of("b", "t")))
        connection = apsw.Connection(str(tmp_path / "runs.db"))
        with pytest.raises(apsw.ConstraintError):
            connection.execute("UPDATE hooks SET closed = 0")
        connection.close()


async def test_a_retry_fits_into_a_batch(tmp_path: Path) -> None:
    """Who takes a token and who is refused for it may be in one transaction."""
    async with opened(tmp_path) as world:
        for number in (1, 2, 3):
            await born(world, number)
        await done(world, registering(1, 3, hook_of("a", "t"), status="failed"))
        retry = append_to(1, 4, seize=True, status="running", hooks=(HookReopening(key="a"),))
        outcomes = await asyncio.gather(
            do(world, registering(2, 3, hook_of("a", "t"))),
            do(world, retry),
            do(world, append_to(2, 4, hooks=(HookClosing(key="a"),))),
            do(world, retry),
            do(world, registering(3, 3, hook_of("a", "t"))),
        )
        kinds = [getattr(outcome, "conflicts", "refused") for outcome in outcomes]
        assert kinds == [{}, "refused", {}, {}, {0: run_id(1)}]
