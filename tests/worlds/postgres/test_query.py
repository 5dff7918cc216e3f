"""Questions: a fixed text for each set of conditions, and an index for each of the inspector's."""

import pytest

from perdure.model.ids import RunId
from perdure.testing.conformance.sample import born, log_of, run_id
from perdure.world import RunFilter
from perdure.worlds.postgres import query
from perdure.worlds.postgres.query import listing
from tests.worlds.postgres.database import plan_of
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
        (RunFilter(workflow="shop:none"), "runs_by_workflow"),
        (RunFilter(parent_id=run_id(1)), "runs_by_parent"),
        (RunFilter(attributes={"customer": "500"}), "runs_by_attributes"),
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


async def test_a_log_is_found_by_indexes(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    plan = await plan_of(url, query._LOG, run_id(1), 1, None)
    assert "runs_pkey" in plan
    assert "events_pkey" in plan
    assert "Seq Scan" not in plan
    assert "runs_by_key" in await plan_of(url, query._BY_KEY, "k")
