"""`list_runs`: newest first, every filter, page by page."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from perdure import FatalError, Run, StartOptions, list_runs, sleep, start, workflow
from perdure.api.connect import CONNECTION
from perdure.model.ids import RunId
from tests.api.following import status_of, waiting_for

pytestmark = pytest.mark.anyio


@workflow
async def pays(amount: int) -> int:
    if amount < 0:
        raise FatalError("no negative amounts")
    return amount


@workflow
async def sleeps() -> None:
    await sleep("1h")


async def ids(**filters: Any) -> list[str]:
    return [info.run_id async for info in list_runs(**filters)]


async def settle(*runs: Run[Any]) -> None:
    """Ids have milliseconds: the next run is to be a younger one."""
    for run in runs:
        async for _ in run.events():
            pass
    await asyncio.sleep(0.002)


async def test_one_that_is_removed_while_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [await start(pays, amount) for amount in (1, 2)]
    await settle(*runs)
    assert await runs[0].result() == 1
    world = (await CONNECTION.engine()).world
    read_log = world.read_log

    async def read_late(run_id: RunId, *args: Any) -> Any:
        if run_id == runs[0].run_id:
            assert await world.retention.prune(0, 1) == 1
        return await read_log(run_id, *args)

    monkeypatch.setattr(world, "read_log", read_late)
    assert await ids() == [runs[1].run_id]


async def test_there_may_be_none() -> None:
    page = await list_runs()
    assert (page.items, page.cursor) == ((), None)


async def test_newest_first_with_all_that_info_says() -> None:
    first = await start(pays, 1)
    await first.result()
    await settle(first)
    second = await start(sleeps)
    await waiting_for(second, "sleep")
    infos = [info async for info in list_runs()]
    assert [info.run_id for info in infos] == [second.run_id, first.run_id]
    assert infos == [await second.info(), await first.info()]
    assert infos[0].waiting_sentence.startswith("waiting for a sleep, until ")
    assert infos[1].result == 1


async def test_by_status() -> None:
    done, failed, asleep = await start(pays, 1), await start(pays, -1), await start(sleeps)
    await status_of(done, end="completed")
    await status_of(failed, end="failed")
    await waiting_for(asleep, "sleep")
    assert await ids(status="completed") == [done.run_id]
    assert await ids(status="failed") == [failed.run_id]
    assert await ids(status="running") == [asleep.run_id]
    assert await ids(status="blocked") == []


async def test_by_workflow_or_its_name() -> None:
    paid, asleep = await start(pays, 1), await start(sleeps)
    assert await ids(workflow=pays) == [paid.run_id]
    assert await ids(workflow=f"{__name__}:sleeps") == [asleep.run_id]
    assert await ids(workflow="app:unknown") == []


async def test_by_attributes() -> None:
    eu = await start(pays, 1, options=StartOptions(attributes={"region": "eu", "tier": "gold"}))
    await settle(eu)
    us = await start(pays, 1, options=StartOptions(attributes={"region": "us", "tier": "gold"}))
    assert await ids(attributes={"tier": "gold"}) == [us.run_id, eu.run_id]
    assert await ids(attributes={"tier": "gold", "region": "eu"}) == [eu.run_id]
    assert await ids(attributes={"tier": "silver"}) == []


async def test_by_time() -> None:
    first = await start(pays, 1)
    await settle(first)
    second = await start(pays, 2)
    created = (await second.info()).created_at
    assert await ids(since=created) == [second.run_id], "inclusive"
    assert await ids(until=created) == [first.run_id], "exclusive"
    assert await ids(since=created - timedelta(hours=1), until=created + timedelta(hours=1)) == [
        second.run_id,
        first.run_id,
    ]
    assert await ids(since=created + timedelta(hours=1)) == []


async def test_every_condition_must_hold() -> None:
    eu = await start(pays, 1, options=StartOptions(attributes={"region": "eu"}))
    await eu.result()
    await start(sleeps, options=StartOptions(attributes={"region": "eu"}))
    assert await ids(attributes={"region": "eu"}, status="completed", workflow=pays) == [eu.run_id]


async def test_page_by_page() -> None:
    runs = [await start(pays, n) for n in range(7)]
    for run in runs:
        await run.result()
    everything = await ids()
    assert sorted(everything) == sorted(run.run_id for run in runs)
    assert await ids(limit=2) == everything, "`async for` gives all, whatever the page"
    found: list[str] = []
    cursor, pages = None, 0
    while True:
        page = await list_runs(limit=3, cursor=cursor)
        assert len(page.items) <= 3
        found += [info.run_id for info in page.items]
        cursor, pages = page.cursor, pages + 1
        if cursor is None:
            break
    assert (found, pages) == (everything, 3)


async def test_a_listing_may_begin_at_a_cursor() -> None:
    for n in range(3):
        await (await start(pays, n)).result()
    everything = await ids()
    page = await list_runs(limit=1)
    assert await ids(limit=1, cursor=page.cursor) == everything[1:]
