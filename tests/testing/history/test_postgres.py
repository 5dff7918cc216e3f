"""The witness in a PostgreSQL World: it writes in the transactions of others, and only what has happened."""

import pytest

from perdure.testing.conformance.sample import ONE, append_to, born, claim_all, do, run_id, start_of
from perdure.testing.history.postgres import database, install, read
from perdure.world import Refused
from tests.testing.history.witnesses import act, saw_it
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


async def test_it_sees_what_happens(url: str) -> None:
    async with opened(url) as world:
        await install(url)
        await act(world)
        saw_it(await read(url), world.now_ms())


async def test_it_sees_who_appends_without_owning(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await install(url)
        await born(world)
        await connection.execute("UPDATE workers SET lease_until_ms = 1")
        assert await claim_all(world)
        assert isinstance(await do(world, append_to()), Refused)
        assert (await read(url)).watched.unowned == []
        columns = "run_id, seq, turn, epoch, type, key, payload, at_ms"
        await connection.execute(f"INSERT INTO events ({columns}) VALUES ('{run_id(1)}', 3, 1, 1, 't', '', '', 9)")
        assert (await read(url)).watched.unowned == [run_id(1)]
        assert not (await read(url)).is_live(ONE, world.now_ms())


async def test_it_sees_a_birth_with_a_dead_owner(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await install(url)
        await do(world, start_of(1, owner=ONE))
        assert (await read(url)).watched.born_dead == []
        sql = "INSERT INTO runs (run_id, workflow, status, owner, epoch, length, at_ms, deployment, created_at_ms)"
        await connection.execute(f"{sql} VALUES ('wrun_x', 'f', 'running', '{ONE}', 1, 0, 9, '', 9)")
        assert (await read(url)).watched.born_dead == ["wrun_x"]


async def test_what_is_undone_was_never_seen(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await install(url)
        await born(world)
        with pytest.raises(ZeroDivisionError):
            async with connection.transaction():
                await connection.execute(
                    f"INSERT INTO inbox (run_id, mail_id, kind, key, payload) VALUES ('{run_id(1)}', 'm', 'k', '', '')"
                )
                raise ZeroDivisionError
        assert (await read(url)).watched.accepted == {}
