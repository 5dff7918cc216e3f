"""Nothing on the hot path scans; workers that are gone are forgotten."""

from pathlib import Path

import apsw
import pytest

from perdure.testing.conformance import VirtualClock
from perdure.testing.conformance.sample import LEASE_MS, ONE, TWO, beat, born, letter_to, sent
from perdure.worlds.sqlite import append, mail, ownership, row, start
from tests.worlds.sqlite.opened import opened
from tests.worlds.sqlite.plan import plan_of

pytestmark = pytest.mark.anyio

HOT = {
    "dead": "SELECT worker_id, graceful FROM workers WHERE lease_until_ms <= 5",  # scans workers: a few
    "of_owner": ownership._OF_OWNER,
    "with_mail": ownership._WITH_MAIL,
    "with_mail_of": ownership._WITH_MAIL_OF,
    "due": ownership._DUE,
    "take": ownership._TAKE,
    "take_again": ownership._TAKE_AGAIN,
    "next_due": ownership._SOONEST,
    "plain": append._PLAIN,
    "read": append._READ,
    "write": append._WRITE,
    "start": start._FIND,
    "knows": f"SELECT {mail._KNOWS}",
    "record": row._SELECT,
}


@pytest.mark.parametrize("name", HOT)
async def test_nothing_hot_scans_runs(name: str, tmp_path: Path) -> None:
    async with opened(tmp_path):
        plan = plan_of(tmp_path, HOT[name])
        assert "SCAN runs" not in plan
        assert "SCAN events" not in plan
        assert "SCAN inbox" not in plan
        assert "TEMP B-TREE" not in plan


async def test_who_asks_for_mail_looks_at_runs_with_mail_only(tmp_path: Path) -> None:
    """Whatever SQLite knows of the tables: left to itself it may go through all runs of the owner."""
    async with opened(tmp_path) as world:
        for number in range(40):
            await born(world, number)
        await sent(world, letter_to(7))
        for _ in range(2):
            assert plan_of(tmp_path, ownership._WITH_MAIL_OF) == "SEARCH runs USING INDEX runs_by_mail (owner=?)"
            unowned = "SEARCH runs USING INDEX runs_by_mail (owner=? AND workflow=? AND pin=?)"
            assert plan_of(tmp_path, ownership._WITH_MAIL) == unowned
            connection = apsw.Connection(str(tmp_path / "runs.db"))
            connection.execute("ANALYZE")
            connection.close()
        assert [owned.run_id for owned in await world.owned(ONE, with_mail=True)] == [letter_to(7).run_id]
        assert await world.owned(TWO, with_mail=True) == []


async def test_workers_that_are_gone_for_a_day_are_forgotten(tmp_path: Path) -> None:
    clock = VirtualClock()
    async with opened(tmp_path, clock) as world:
        await born(world)
        await beat(world, TWO)
        clock.advance(LEASE_MS + 24 * 3_600_000)
        await beat(world, TWO)
        connection = apsw.Connection(str(tmp_path / "runs.db"))
        names = "SELECT worker_id FROM workers ORDER BY worker_id"
        assert connection.execute(names).fetchall() == [(ONE,), (TWO,)], "ONE still owns a run"
        await world.retire(TWO, died=False)
        await beat(world, ONE)
        assert connection.execute(names).fetchall() == [(ONE,)]
        connection.close()
