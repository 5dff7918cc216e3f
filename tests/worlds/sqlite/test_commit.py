"""Commits on disk: what a sleeping run takes, and that commits of many callers are kept apart."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import apsw
import pytest

from perdure.model.ids import MailId
from perdure.testing.conformance.sample import (
    append_to,
    beat,
    born,
    do,
    done,
    letter_to,
    log_of,
    record_of,
    row,
    sent,
    start_of,
)
from perdure.world import Append, NewRow, Outcome, Start
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


async def test_a_commit_that_fails_takes_no_other_with_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        await sent(world, letter_to(1))
        arrived = row(mail_id=MailId("mail_1"))
        await done(world, append_to(1, 3, rows=(arrived,), mail_taken=("mail_1",)))
        outcomes = await asyncio.gather(
            world.commit([start_of(2)]),
            world.commit([start_of(3), append_to(1, 4, rows=(arrived,))]),
            world.commit([append_to(1, 4), start_of(4)]),
            return_exceptions=True,
        )
        assert [type(outcome).__name__ for outcome in outcomes] == ["list", "ConstraintError", "list"]
        assert [await world.read_run(start_of(number).run_id) is not None for number in (2, 3, 4)] == [
            True,
            False,
            True,
        ]
        assert (await record_of(world)).length == 4


async def test_commits_are_done_in_the_order_of_their_calls(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        appends = [world.commit([append_to(1, seq, rows=(row(key=str(seq)),))]) for seq in range(3, 203)]
        for outcomes in await asyncio.gather(*appends):
            assert type(outcomes[0]).__name__ == "Appended"
        assert [event.key for event in (await log_of(world)).rows[2:]] == [str(seq) for seq in range(3, 203)]


async def test_texts_that_are_no_texts_are_refused_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as world:
        await born(world)
        with pytest.raises(UnicodeEncodeError):
            await do(world, append_to(1, 3, rows=(row(key="\ud800"),)))
        await done(world, append_to(1, 3))


async def test_a_sleeping_run_takes_less_than_a_kibibyte(tmp_path: Path) -> None:
    """W6: three small events and the run's row, with all indexes."""
    sleepers = 2000
    payload = b'{"due_ms":1700000000000}'
    async with opened(tmp_path) as world:
        await beat(world)
        commits: list[Awaitable[list[Outcome]]] = []
        for number in range(sleepers):
            start: Start = start_of(
                number, owner="wrkr_1", deployment="2f7a9c1e", attributes={"order": f"{number:08d}"}
            )
            append: Append = append_to(
                number,
                3,
                release=True,
                wake_at_ms=10**13,
                rows=(NewRow(turn=0, type="wait_created", key="0/wait#0", payload=payload),),
            )
            commits.append(world.commit([start, append]))
        await asyncio.gather(*commits)
    connection = apsw.Connection(str(tmp_path / "runs.db"))
    assert connection.execute("SELECT count(*), sum(owner IS NULL) FROM runs").fetchall() == [(sleepers, sleepers)]
    connection.close()
    assert (tmp_path / "runs.db").stat().st_size / sleepers < 1024
