"""Sessions for steps: made when they are needed, given back clean, and gone with their loop."""

import asyncio

import asyncpg
import pytest

from perdure.errors import WorldInvalid, WorldUnavailable
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.session import Sessions, is_gone
from tests.worlds.postgres.database import database

pytestmark = pytest.mark.anyio


async def sessions_of(url: str) -> Sessions:
    sessions = Sessions(location_of(url))
    await sessions.start()
    return sessions


async def test_one_that_is_given_back_is_taken_from_who_holds_it(url: str) -> None:
    sessions = await sessions_of(f"{url}&connections=1")
    first = await sessions.take()
    open_one = first.transaction(isolation="read_committed")
    await open_one.start()
    await first.execute("SET application_name = 'mine'; CREATE TEMP TABLE left_open (n int)")
    sessions.give_back(first, open_one)
    second = await sessions.take()  # there is but one
    assert await second.fetchval("SELECT current_setting('application_name') || to_regclass('left_open') IS NULL")
    with pytest.raises(asyncpg.InterfaceError):
        await first.fetchval("SELECT 1")
    sessions.give_back(second, None)
    await sessions.close()


async def test_one_that_can_not_be_cleaned_is_replaced(url: str) -> None:
    sessions = await sessions_of(f"{url}&connections=1")
    first = await sessions.take()
    open_one = first.transaction(isolation="read_committed")
    await open_one.start()
    pid = await first.fetchval("SELECT pg_backend_pid()")
    async with database(url) as connection:
        await connection.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    sessions.give_back(first, open_one)
    second = await sessions.take()
    assert await second.fetchval("SELECT pg_backend_pid()") != pid
    assert is_gone(first)
    await sessions.close()


async def test_who_waits_is_served_in_order(url: str) -> None:
    sessions = await sessions_of(f"{url}&connections=1")
    first, served = await sessions.take(), list[int]()

    async def take(number: int) -> None:
        session = await sessions.take()
        served.append(number)
        sessions.give_back(session, None)

    takers = [asyncio.ensure_future(take(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    assert served == []
    sessions.give_back(first, None)
    await asyncio.gather(*takers)
    assert served == [0, 1, 2]
    await sessions.close()


async def test_a_close_takes_those_in_use(url: str) -> None:
    sessions = await sessions_of(url)
    session = await sessions.take()
    await sessions.close()
    await sessions.close()
    assert is_gone(session)
    sessions.give_back(session, None)
    with pytest.raises(WorldUnavailable, match="it was closed in this process"):
        await sessions.take()


async def test_who_can_not_connect_is_told_why(url: str) -> None:
    sessions = await sessions_of(url.replace("/postgres?", "/nowhere?"))
    with pytest.raises(WorldInvalid, match='database "nowhere" does not exist: create it'):
        await sessions.take()
    await sessions.close()


async def count(url: str, name: str) -> int:
    async with database(url) as connection:
        return await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", name)


def test_the_end_of_a_loop_closes_them(server: str) -> None:
    url = f"{server}&schema=perdure&application_name=ends"

    async def use() -> None:
        sessions = await sessions_of(url)
        await sessions.take()
        assert await count(url.replace("ends", "looks"), "ends") == 1

    asyncio.run(use())
    for _ in range(100):
        if asyncio.run(count(url.replace("ends", "looks"), "ends")) == 0:
            return
    raise AssertionError("a session outlives its loop")
