"""Claims: by indexes, shared out without waiting; workers that are gone are forgotten."""

import asyncio

import pytest

from perdure.model.ids import WorkerId
from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import FLOW, LEASE_MS, ONE, TWO, beat, born, do, run_id, start_of
from perdure.world import Claim
from perdure.worlds.postgres import ownership
from tests.worlds.postgres.database import database, plan_of
from tests.worlds.postgres.filled import fill
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio

INSIDE_A_CLAIM = {
    """SELECT * FROM perdure.runs WHERE owner = $1::text AND pin = ''
    AND workflow = ANY ($2::text[]) LIMIT 100""": "runs_by_owner",
    """SELECT * FROM perdure.runs WHERE owner IS NULL AND workflow = $1::text AND pin = '' AND mail > 0
    AND status IN ('pending', 'running') LIMIT 100""": "runs_by_mail",
    """SELECT * FROM perdure.runs WHERE workflow = $1::text AND pin = '' AND wake_at_ms IS NOT NULL AND wake_at_ms <= 5000
    AND mail = 0 AND owner IS NULL ORDER BY wake_at_ms LIMIT 100""": "runs_by_wake",
}


@pytest.mark.parametrize("sql", INSIDE_A_CLAIM)
async def test_a_claim_looks_at_indexes(sql: str, url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    plan = await plan_of(url, sql, *(["wrkr_1", [FLOW]] if "$2" in sql else [FLOW]))
    assert INSIDE_A_CLAIM[sql] in plan
    assert "Sort" not in plan


async def test_who_asks_for_mail_looks_at_runs_with_mail_only(url: str) -> None:
    async with opened(url) as world:
        await fill(url, world)
    assert "runs_by_mail" in await plan_of(url, ownership._OWNED_WITH_MAIL, "wrkr_1")
    assert "runs_by_owner" in await plan_of(url, ownership._OWNED, "wrkr_1")
    assert "runs_by_wake" in await plan_of(url, ownership._NEXT_DUE, [FLOW], "blue")


async def test_claimers_share_without_waiting_for_each_other(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        await beat(one, ONE)
        await beat(one, TWO)
        for number in range(1, 31):
            await do(one, start_of(number))
        async with database(url) as connection, connection.transaction():
            await connection.execute("SELECT 1 FROM runs WHERE run_id < $1 FOR UPDATE", run_id(6))  # somebody is at it
            claims = await asyncio.gather(
                one.claim(Claim(worker_id=ONE, workflows=(FLOW,), limit=10)),
                other.claim(Claim(worker_id=TWO, workflows=(FLOW,), limit=100)),
            )
            taken = [claimed.run_id for claim in claims for claimed in claim]
            assert len(taken) == len(set(taken))
            assert set(taken) <= {run_id(number) for number in range(6, 31)}
        rest = await one.claim(Claim(worker_id=ONE, workflows=(FLOW,), limit=100))
        assert len(taken) + len(rest) == 30


async def test_workers_that_are_gone_for_a_day_are_forgotten(url: str) -> None:
    clock = VirtualClock()
    async with opened(url, clock) as world, database(url) as connection:
        await born(world)
        await beat(world, TWO)
        clock.advance(LEASE_MS + 24 * 3_600_000)
        await beat(world, TWO)
        names = "SELECT worker_id FROM workers ORDER BY worker_id"
        assert [row[0] for row in await connection.fetch(names)] == [ONE, TWO], "ONE still owns a run"
        assert len(await world.claim(Claim(worker_id=TWO, workflows=(FLOW,), limit=1))) == 1
        await beat(world, WorkerId("wrkr_3"))
        assert [row[0] for row in await connection.fetch(names)] == [TWO, "wrkr_3"]
