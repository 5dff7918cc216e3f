"""The floor on PostgreSQL: one connection writes, a statement per batch, its rows as arrays (synchronous_commit=on)."""

import asyncio
import time
from collections import defaultdict
from typing import Any

import asyncpg

from benchmarks.floor import Batch, Committer, Floor

SCHEMA = """
create table if not exists events (run text collate "C", seq bigint, payload bytea, primary key (run, seq));
create table if not exists sleepers (run text collate "C" primary key, wake_at_ms bigint);
"""


async def connect(place: str) -> Any:
    connection = await asyncpg.connect(place)
    await connection.execute(SCHEMA)
    return connection


class PostgresCommitter(Committer):
    add_event = "insert into events select * from unnest($1::text[], $2::bigint[], $3::bytea[])"
    add_sleeper = "insert into sleepers select * from unnest($1::text[], $2::bigint[])"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection
        self._writing: asyncio.Task[None] | None = None

    def write(self, batch: Batch) -> None:
        self._writing = asyncio.create_task(self._write(batch))

    async def _write(self, batch: Batch) -> None:
        rows: dict[str, list[tuple[object, ...]]] = defaultdict(list)
        for sql, values, _ in batch:
            rows[sql].append(values)
        for sql, listed in rows.items():  # each is a transaction; no workload has two at once
            await self._connection.execute(sql, *map(list, zip(*listed, strict=True)))
        self.committed(batch)

    async def close(self) -> None:
        await self._connection.close()


class FloorPostgres(Floor):
    async def connect(self) -> PostgresCommitter:
        return PostgresCommitter(await connect(self.place))

    async def last(self) -> tuple[str, int]:
        connection = await connect(self.place)
        row = await connection.fetchrow("select run, seq from events order by run desc, seq desc limit 1")
        await connection.close()
        return row["run"], row["seq"]

    async def commits(self, count: int) -> list[float]:
        connection, times_s = await connect(self.place), list[float]()
        for number in range(count):
            begun_at_s = time.perf_counter()
            await connection.execute("insert into sleepers values ($1, 0)", f"wrun_{number:026d}")
            times_s.append(time.perf_counter() - begun_at_s)
        await connection.close()
        return times_s


SYSTEM = FloorPostgres
