"""Few connections for one loop; those that were lost or are in doubt are dropped; the loop's end closes all."""

import asyncio
import gc

import asyncpg
import pytest

from perdure.errors import WorldUnavailable
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.pool import Pool
from tests.worlds.postgres.database import database

pytestmark = pytest.mark.anyio

PID = "SELECT pg_backend_pid()"


async def pool_of(url: str, connections: int = 2) -> Pool:
    pool = Pool(location_of(f"{url}&connections={connections}"))
    await pool.start()
    return pool


async def pid_of(pool: Pool) -> int:
    [[pid]] = await pool.fetch(PID)
    return pid


async def test_one_connection_serves_one_after_another(url: str) -> None:
    pool = await pool_of(url)
    assert len({await pid_of(pool) for _ in range(5)}) == 1
    assert len(set(await asyncio.gather(*(pid_of(pool) for _ in range(9))))) == 2
    await pool.close()
    await pool.close()
    with pytest.raises(WorldUnavailable, match="closed in this process"):
        await pool.fetch(PID)


async def test_a_statement_goes_where_it_went_before(url: str) -> None:
    """The server has planned it there."""
    pool = await pool_of(url)
    first, other = await asyncio.gather(pid_of(pool), pid_of(pool))
    [there, elsewhere] = [f"SELECT pg_backend_pid() AS {name}" for name in ("there", "elsewhere")]
    assert {pid for [[pid]] in await asyncio.gather(pool.fetch(there), pool.fetch(elsewhere))} == {first, other}
    for _ in range(3):
        [[one]], [[two]] = await pool.fetch(there), await pool.fetch(elsewhere)
        assert one != two
    await pool.close()


async def test_a_refusal_costs_no_connection(url: str) -> None:
    pool = await pool_of(url)
    pid = await pid_of(pool)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await pool.fetch("SELECT 1 / $1::int", [0])
    assert await pid_of(pool) == pid
    await pool.close()


async def test_an_argument_that_the_driver_cant_send(url: str) -> None:
    pool = await pool_of(url)
    with pytest.raises(asyncpg.DataError):
        await pool.fetch("SELECT $1::int", [2**40])
    assert await pool.fetch("SELECT $1::int", [2]) == [(2,)]
    await pool.close()


async def test_when_the_server_cuts_one_the_idle_ones_go_too(url: str) -> None:
    """A restart: each would cost somebody a write in doubt."""
    pool = await pool_of(url)
    before = set(await asyncio.gather(pid_of(pool), pid_of(pool)))
    async with database(url) as other:
        for pid in before:
            await other.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    lost = 0
    for _ in range(2):
        try:
            assert await pid_of(pool) not in before
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            lost += 1
    assert lost <= 1
    assert await pid_of(pool) not in before
    await pool.close()


async def test_a_cancelled_callers_connection_is_dropped(url: str) -> None:
    """What it asked for may still be answered."""
    pool = await pool_of(url, connections=1)
    pid = await pid_of(pool)
    async with database(url) as other:
        await other.execute("SELECT pg_advisory_lock(77)")
        waiting = asyncio.create_task(pool.fetch("SELECT pg_advisory_lock(77)"))
        while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
            pass
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert await pid_of(pool) != pid
    await pool.close()


def test_the_end_of_the_loop_closes_it(server: str) -> None:
    async def use() -> Pool:
        pool = Pool(location_of(f"{server}&schema=none"))
        await pool.start()
        await pool.fetch(PID)
        return pool

    pool = asyncio.run(use())
    assert not pool._all
    del pool
    gc.collect()  # nothing warns of a socket that was left open


async def test_they_take_turns(url: str) -> None:
    pool = await pool_of(url, connections=1)
    done: list[int] = []

    async def ask(number: int) -> None:
        await pool.fetch(PID)
        done.append(number)

    tasks = [asyncio.create_task(ask(number)) for number in range(6)]
    await tasks[0]
    tasks[2].cancel()  # it waits
    await asyncio.gather(*tasks, return_exceptions=True)
    assert done == [0, 1, 3, 4, 5]
    await ask(6)
    await pool.close()


async def test_a_turn_that_is_cancelled_when_it_comes_is_the_next_ones(url: str) -> None:
    pool = await pool_of(url, connections=1)
    pool._free = 0
    first, second = asyncio.create_task(pool.fetch(PID)), asyncio.create_task(pool.fetch(PID))
    await asyncio.sleep(0)
    pool._pass_on()
    first.cancel()
    [[pid]] = await asyncio.wait_for(second, 30)
    assert pid
    with pytest.raises(asyncio.CancelledError):
        await first
    assert pool._free == 1
    await pool.close()
