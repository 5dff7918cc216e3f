"""Questions: a fixed text for each set of conditions, and an index for each of the inspector's."""

import asyncio
from typing import Any

import pytest

from perdure.model.ids import RunId
from perdure.testing.conformance.sample import append_to, born, done, log_of, run_id
from perdure.world import RunFilter
from perdure.worlds.postgres import query
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.query import label_hash, listing
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.text import write_pairs
from tests.worlds.postgres.database import database, plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio

HOSTILE = "'; DROP TABLE runs; --"


def test_what_is_asked_for_never_gets_into_the_text() -> None:
    filter = RunFilter(
        status=("running",), workflow=HOSTILE, since_ms=1, until_ms=2, attributes={HOSTILE: HOSTILE}, prefix=HOSTILE,
        parent_id=RunId(HOSTILE), before=RunId(HOSTILE), limit=3,
    )  # fmt: skip
    sql, values = listing(filter)
    assert "DROP" not in sql
    assert [f"${place}" in sql for place in range(1, 12)] == [True] * len(values) + [False] * (11 - len(values))
    assert values[-1] == 4


async def test_a_log_in_parts(url: str) -> None:
    async with opened(url) as world:
        await born(world)
        assert [row.seq for row in (await log_of(world)).rows] == [1, 2]
        log = await world.read_log(run_id(1), 2, limit=1)
        assert log is not None
        assert [row.seq for row in log.rows] == [2]
        beyond = await world.read_log(run_id(1), 3)
        assert beyond is not None
        assert (beyond.run.length, beyond.rows) == (2, ())


@pytest.mark.parametrize(
    ("filter", "index"),
    [
        (RunFilter(), "Scan Backward using runs_pkey"),
        (RunFilter(status=("running",), before=run_id(900)), "runs_pkey"),
        (RunFilter(prefix="wrun_0000000000000000000000019"), "runs_pkey"),
        (RunFilter(run_ids=tuple(run_id(number) for number in range(1, 50)), limit=49), "runs_pkey"),
        (RunFilter(workflow="shop:none"), "runs_by_workflow"),
        (RunFilter(parent_id=run_id(1)), "runs_by_parent"),
        (RunFilter(attributes={"customer": "500"}), "labels_pkey"),
    ],
)
async def test_indexes_are_used(filter: RunFilter, index: str, url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
        sql, values = listing(filter)
        plan = await plan_of(url, sql, *values)
        assert index in plan
        assert "Seq Scan" not in plan
        if filter.attributes:
            assert [run.run_id for run in (await world.list_runs(filter)).runs] == [run_id(500)]


ODD = ("a\x01\x02", "é\U0001f600:3:''")


async def test_labels_follow_the_attributes(url: str) -> None:
    async def labels() -> set[tuple[int, str]]:
        async with database(url) as connection:
            return {(label, run) for label, run in await connection.fetch("SELECT hash, run_id FROM labels")}

    def of(number: int, attributes: dict[str, str]) -> set[tuple[int, str]]:
        written = write_pairs(attributes)
        return {(label_hash(key, value), run_id(number)) for key, value in written.items()}

    odd = {ODD[0]: ODD[1], "a": "b"}
    async with opened(url) as world:
        await born(world, 1, attributes=odd)
        await born(world, 2)
        assert await labels() == of(1, odd)
        await done(world, append_to(1, 3, attributes={"a": None, "c": "d"}))
        await done(world, append_to(2, 3, attributes={"c": "d"}))
        now = {ODD[0]: ODD[1], "c": "d"}
        assert await labels() == of(1, now) | of(2, {"c": "d"})
        await done(world, append_to(1, 4, attributes={"c": "d"}))
        await done(world, append_to(1, 5, status="completed"))
        assert await labels() == of(1, now) | of(2, {"c": "d"})
        async with database(url) as connection:
            await connection.execute("DELETE FROM runs WHERE run_id = $1", run_id(1))
        assert await labels() == of(2, {"c": "d"})


async def test_two_attributes_with_one_hash(url: str) -> None:
    """Labels only narrow the choice."""
    async with opened(url) as world, database(url) as connection:
        await born(world, 1, attributes={"a": "b"})
        await born(world, 2, attributes={"a": "c"})
        await connection.execute("INSERT INTO labels VALUES ($1, $2)", label_hash("a", "b"), run_id(2))
        found = await world.list_runs(RunFilter(attributes={"a": "b"}))
        assert [run.run_id for run in found.runs] == [run_id(1)]


async def test_a_log_is_found_by_indexes(url: str) -> None:
    looked_at = """
        SELECT relname, seq_scan, idx_tup_fetch FROM pg_stat_xact_user_tables
        WHERE relid IN ('runs'::regclass, 'events'::regclass)
    """
    async with opened(url) as world:
        await fill(url, world)
    async with database(url) as connection, connection.transaction():
        sql = qualified(query._LOGS, location_of(url).schema)
        assert len(await connection.fetch(sql, [run_id(1), run_id(2)], [1, 2], [None, 1])) == 2
        rows = {name: (scans, read) for name, scans, read in await connection.fetch(looked_at)}
        assert rows == {"runs": (0, 2), "events": (0, 3)}
    assert "runs_by_key" in await plan_of(url, query._BY_KEY, "k")


async def test_readings_of_one_moment_are_one_statement(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, texts = Store.fetch, list[str]()

    async def counted(store: Store, sql: str, *arguments: Any) -> Any:
        texts.append(sql)
        return await fetch(store, sql, *arguments)

    async with opened(url) as world:
        for number in range(1, 4):
            await born(world, number)
        monkeypatch.setattr(Store, "fetch", counted)
        logs = await asyncio.gather(
            world.read_log(run_id(2), 2),
            world.read_log(run_id(9)),
            world.read_log(run_id(1), limit=1),
            world.read_log(run_id(2)),
        )
        assert [log and (log.run.run_id, [row.seq for row in log.rows]) for log in logs] == [
            (run_id(2), [2]), None, (run_id(1), [1]), (run_id(2), [1, 2]),
        ]  # fmt: skip
        runs = await asyncio.gather(*(world.read_run(run_id(number)) for number in (3, 9, 1, 3)))
        assert [run and run.run_id for run in runs] == [run_id(3), None, run_id(1), run_id(3)]
    assert texts == [query._LOGS, query._RUNS]
