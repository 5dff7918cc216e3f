"""The runs that were forked from a run."""

import asyncio
from typing import Any

import pytest

from perdure.engine.engine import Engine, NewRun
from perdure.engine.fork import Change, fork
from perdure.inspector import fork as listing
from perdure.inspector.fork import list_forks
from perdure.model.ids import RunId
from perdure.worlds.sqlite import SqliteWorld
from tests.cli.shop import Shop
from tests.inspector.looking import ALL, look, paged


def listed(run_id: str) -> list[str]:
    return [view.info.run_id for view in look(list_forks, run_id, ALL).items]


def test_the_newest_first_and_only_its_own(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    done, failed = RunId(shop.runs["done"]), RunId(shop.runs["failed"])

    async def fork_all(engine: Engine) -> list[RunId]:
        mine = [await fork(engine, done, "shop:charge", Change()) for _ in range(3)]
        mine += [await fork(engine, done, None, Change(outputs={"shop:charge": "x"}))]
        others = [await fork(engine, run_id, "shop:charge", Change()) for run_id in (failed, mine[-1])]
        for other in (
            NewRun(workflow="shop:fulfil", input=b"{}", rerun_of=done),
            NewRun(workflow="shop:fulfil", input=b"{}", parent_id=done),
        ):
            await engine.start(other)
        return [*mine, *others]

    *mine, of_failed, of_fork = look(fork_all)
    assert listed(done) == sorted(mine, reverse=True)
    assert [shown["runId"] for shown in paged(list_forks, done, limit=3)] == sorted(mine, reverse=True)
    assert (listed(failed), listed(mine[-1]), listed(of_fork)) == ([of_failed], [of_fork], [])
    assert listed(shop.runs["asleep"]) == []
    monkeypatch.setattr(listing, "LOOKED_AT", 5)
    assert len(listed(done)) < 4, "of the newest"


def test_the_logs_are_read_together(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A World may answer several questions at once, but no question that isn't asked yet."""
    done = RunId(shop.runs["done"])
    read_log, under_way, most = SqliteWorld.read_log, 0, 0

    async def counted(world: SqliteWorld, *args: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1
        return await read_log(world, *args)

    async def fork_some(engine: Engine) -> None:
        for _ in range(3):
            await fork(engine, done, "shop:charge", Change())

    look(fork_some)
    monkeypatch.setattr(SqliteWorld, "read_log", counted)
    assert len(listed(done)) == 3
    assert most == 3
