"""Workflows with transactional steps, for tests with several processes; `run` is a worker in a process of its own."""

import asyncio
import os
import sys

import asyncpg

from perdure import Retry, get_connection, get_step_metadata, race, set_attributes, sleep, step, workflow
from tests.worlds.postgres.fleet import STUCK, main

SOON = Retry(max_retries=5, delay="5ms")
TABLE = "PERDURE_TEST_TABLE"
"""Names the table of the test's own, in the environment."""


async def write(what: str) -> asyncpg.Connection:
    connection = get_connection()
    await connection.execute(f"INSERT INTO {os.environ[TABLE]} VALUES ($1, $2)", get_step_metadata().step_id, what)
    return connection


@step(transaction=True, retry=SOON)
async def pay(what: str) -> int:
    await write(what)
    return get_step_metadata().attempt


@step(transaction=True)
def not_async() -> None: ...


@step(transaction=True, retry=SOON)
async def pay_stuck(what: str) -> str:
    await write(what)
    if os.environ.get(STUCK):
        print("stuck", flush=True)
        await asyncio.sleep(0.2)
        return f"{what} by the frozen"
    return f"{what} by somebody"


_CROSSING = asyncio.Barrier(2)


@step(transaction=True, retry=SOON)
async def pay_crossed(first: int, second: int) -> int:
    """Locks two rows in this order; the first attempts of two that cross each other have one each before they go on."""
    connection, attempt = await write(f"{first}-{second}"), get_step_metadata().attempt
    await connection.execute("SELECT pg_advisory_xact_lock($1)", first)
    if attempt == 1:
        await _CROSSING.wait()
    await connection.execute("SELECT pg_advisory_xact_lock($1)", second)
    return attempt


@step(transaction=True, retry=SOON)
async def pay_and_lock(schema: str) -> int:
    """Its first attempt has something for the log that it has locked."""
    connection = await write("locked")
    sql = f"SELECT 1 FROM {schema}.runs WHERE run_id = $1 FOR NO KEY UPDATE"
    await connection.execute(sql, get_step_metadata().run_id)
    if get_step_metadata().attempt == 1:
        await set_attributes(tried="once")
    await asyncio.sleep(0.1)
    return get_step_metadata().attempt


@step(transaction=True)
async def pay_for_ever() -> None:
    await write("for ever")
    await asyncio.Event().wait()


@workflow
async def pays(what: str) -> list[int]:
    return [await pay(f"{what} a"), *await asyncio.gather(pay(f"{what} b"), pay(f"{what} c"))]


@workflow
async def pays_not_async() -> None:
    await not_async()


@workflow
async def pays_stuck(what: str) -> str:
    return await pay_stuck(what)


@workflow
async def pays_crossed() -> list[int]:
    return await asyncio.gather(pay_crossed(1, 2), pay_crossed(2, 1))


@workflow
async def pays_and_locks(schema: str) -> int:
    return await pay_and_lock(schema)


@workflow
async def loses_patience() -> str:
    return await race(pay_for_ever(), sleep("100ms", result="enough"))


def run() -> None:
    asyncio.run(main(sys.argv[1]))
