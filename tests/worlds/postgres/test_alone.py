"""The short ways of a simple append and of a start: they come to what the long way comes to, and find rows as surely."""

import asyncpg
import pytest
from msgspec import json
from msgspec.structs import replace

from perdure.model.ids import WorkerId
from perdure.testing.conformance.sample import (
    ONE,
    append_to,
    beat,
    born,
    chunks_of,
    do,
    hook_of,
    letter_to,
    log_of,
    record_of,
    row,
    run_id,
    start_of,
)
from perdure.world import Append, Appended, HookFilter, Operation, Outcome, Refused, Send, Start, Started
from perdure.worlds.postgres.alone import APPEND, START, append_alone, asked, told
from perdure.worlds.postgres.commit import COMMIT, arguments, outcomes_of
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.store import Store
from tests.worlds.postgres.database import database
from tests.worlds.postgres.opened import opened
from tests.worlds.postgres.test_commit import rows_read

pytestmark = pytest.mark.anyio

SHORT = {
    "rows": append_to(rows=(row(), row("step_completed", key="é", turn=3)), turn_completed=True, due_ms=9),
    "no rows": append_to(rows=()),
    "three rows": append_to(rows=(row(), row(key='"{}\\,'), row("step_failed", key="NULL", turn=3))),
    "rows of mail": append_to(rows=(row(), row(mail_id="m"), row(key="\0"), row(mail_id='"'), row(mail_id="\x01"))),
    "mail's": append_to(rows=(row(mail_id="m"),)),
    "an end": append_to(status="completed", turn_completed=True),
    "parked": append_to(status="blocked"),
    "runs": append_to(status="running"),
    "put away": append_to(release=True, wake_at_ms=5),
    "let go": append_to(release=True),
    "an end of what is let go": append_to(status="failed", release=True, wake_at_ms=5),
}
REFUSED = {
    "no such run": append_to(2_000),
    "another's": append_to(owner=WorkerId("wrkr_other")),
    "earlier epoch": replace(append_to(), epoch=0),
    "further on": append_to(seq=7),
    "not due": append_to(due_ms=2**50),
}


@pytest.mark.parametrize("append", SHORT.values(), ids=SHORT)
async def test_it_does_what_the_long_way_does(append: Append, url: str) -> None:
    async with opened(url, clock) as world:
        for number in (1, 2):
            await born(world, number)
        [outcome] = await world.commit([append])
        other = replace(append, run_id=run_id(2))
        assert [outcome] == await the_long_way(url, other)
        assert isinstance(outcome, Appended)
        one, two = await record_of(world, 1), await record_of(world, 2)
        assert replace(one, run_id=two.run_id, root_id=two.root_id) == two
        assert (await log_of(world, 1)).rows == (await log_of(world, 2)).rows
        assert (one.length, len((await log_of(world, 1)).rows)) == (2 + len(append.rows),) * 2


@pytest.mark.parametrize("append", REFUSED.values(), ids=REFUSED)
async def test_what_it_refuses_is_told_why(append: Append, url: str) -> None:
    async with opened(url, clock) as world:
        await born(world, 1)
        [outcome] = await world.commit([append])
        assert isinstance(outcome, Refused)
        assert [outcome] == await the_long_way(url, append)
        assert (await record_of(world, 1)).length == 2


async def test_what_meets_mail_goes_the_long_way(url: str) -> None:
    async with opened(url) as world:
        await born(world, 1)
        await do(world, Send(letter=letter_to()))
        [plain] = await world.commit([append_to()])
        [end] = await world.commit([append_to(1, 4, status="completed")])
        assert (getattr(plain, "mail", None), getattr(getattr(end, "refusal", None), "name", None)) == (1, "MAIL")


async def test_its_end_closes_hooks_and_streams(url: str) -> None:
    async with opened(url) as world:
        for number in (1, 2):
            await born(world, number)
            hooked = append_to(number, rows=(row("hook_created", key="h"),), hooks=(hook_of("h", f"t{number}"),))
            await do(world, replace(hooked, chunks=(chunks_of(number, "", b"a"),)))
        await do(world, append_to(1, 4, status="cancelled"))
        assert [hook.run_id for hook in await world.hooks.list(HookFilter())] == [run_id(2)]
        streams = [*await world.streams.list(run_id(1)), *await world.streams.list(run_id(2))]
        assert [stream.closed for stream in streams] == [True, False]


async def test_it_is_durable_whatever_the_role_says(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await born(world, 1)
        await connection.execute("SET synchronous_commit = off")
        async with connection.transaction():
            await call(connection, append_to())
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert (await record_of(world, 1)).length == 3


async def test_it_scans_nothing(url: str) -> None:
    """However few rows there are, and known to be few: the plan of a moment is kept while they become many."""
    async with opened(url) as world, database(url) as connection:
        for number in (1, 2):
            await born(world, number)
        await connection.execute("VACUUM ANALYZE runs, events, hooks, streams")
        async with connection.transaction():
            for seq in range(3, 10):  # a plan is kept from the sixth on
                await call(connection, append_to(1, seq))
            await call(connection, append_to(1, 10, status="completed"))
            await call(connection, append_to(2, release=True))
            sql = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname = current_schema()"
            assert [row["relname"] for row in await connection.fetch(sql)] == []


@pytest.mark.parametrize("analyze", ["SELECT", "ANALYZE runs", "VACUUM ANALYZE runs"])
async def test_it_finds_its_run_by_its_id(analyze: str, url: str) -> None:
    """Though the planner believes that nobody owns anything, so that going by owners would be short."""
    async with opened(url) as world, database(url) as connection:
        await world.commit([start_of(number) for number in range(100, 1100)])
        await connection.execute(analyze)
        await beat(world)
        await world.commit([start_of(number, owner=ONE) for number in range(1, 100)])
        async with connection.transaction():
            before = await rows_read(connection)
            for seq in range(3, 10):
                await call(connection, append_to(1, seq))
            assert await rows_read(connection) - before <= 7


async def test_null_is_all_that_it_says_of_a_refusal(url: str) -> None:
    async with opened(url) as world:
        await born(world, 1)
        store = Store(location_of(url), None)
        await store.open(migrate=False)
        assert await append_alone(store, append_to(seq=7)) is None
        assert await append_alone(store, append_to()) is not None
        await store.close()


async def call(connection: asyncpg.Connection, append: Append) -> None:
    """What `append_alone` does, where it can be watched."""
    assert await connection.fetchval(APPEND.replace("perdure.", ""), None, *told(append))


def clock() -> int:
    return 1_000_000


async def the_long_way(url: str, operation: Operation) -> list[Outcome]:
    async with database(url) as connection:
        sql = qualified(COMMIT, location_of(url).schema)
        [[answer]] = await connection.fetch(sql, clock(), *arguments([operation]))
    return outcomes_of([operation], json.decode(answer))


BEFORE = (
    "SELECT append_alone(NULL, $1, $2, 1, $3, 1, 0, false, NULL, false, NULL, '{1}', '{a}', '{b}', '{c}', '{NULL}')"
)


async def test_a_worker_that_was_there_before_the_schema_goes_on(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await born(world, 1)
        assert await connection.fetchval(BEFORE, run_id(1), ONE, 2)
        assert [each.type for each in (await log_of(world, 1)).rows][2:] == ["a"]


STARTS = {
    "owned": start_of(owner=ONE),
    "nobody's": start_of(),
    "by a worker without a lease": start_of(owner=WorkerId("wrkr_gone")),
    "later": start_of(wake_at_ms=2**40),
    "with all": replace(
        start_of(owner=ONE, idempotency_key="k\0é", attributes={"a\x01": "b\0", "c": ""}, pin="v1"),
        parent_id=run_id(7), root_id=run_id(8), deployment="d\0",
    ),
    "with a key": start_of(idempotency_key="k"),
}  # fmt: skip


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_start_does_what_the_long_way_does(start: Start, url: str) -> None:
    async with opened(url, clock) as world:
        await beat(world)
        [outcome] = await world.commit([start])
        key = None if start.idempotency_key is None else start.idempotency_key + "2"
        other = replace(start, run_id=run_id(2), idempotency_key=key)
        [through] = await the_long_way(url, other)
        assert isinstance(outcome, Started) and isinstance(through, Started)
        assert replace(outcome, run_id=other.run_id) == through
        one, two = await record_of(world, 1), await record_of(world, 2)
        root = two.root_id if start.root_id is None else one.root_id
        assert replace(one, run_id=two.run_id, root_id=root, idempotency_key=key) == two
        assert (await log_of(world, 1)).rows == (await log_of(world, 2)).rows
        assert one.idempotency_key == start.idempotency_key and one.attributes == start.attributes


async def test_a_second_start_is_told_how_it_stands(url: str) -> None:
    async with opened(url) as world:
        await beat(world)
        first = start_of(owner=ONE, idempotency_key="k")
        [made] = await world.commit([first])
        [again] = await world.commit([first])
        [known] = await world.commit([start_of(2, owner=ONE, idempotency_key="k")])
        assert isinstance(made, Started) and isinstance(again, Started) and isinstance(known, Started)
        assert (made.created, again.created, known.created) == (True, False, False)
        assert (again.run_id, known.run_id, again.owned) == (run_id(1), run_id(1), True)
        assert await world.read_run(run_id(2)) is None


async def test_a_start_takes_one_call(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []
    fetch = Store.fetch

    async def watched(store: Store, sql: str, *arguments: object) -> list[object]:
        asked_for.append(sql)
        return await fetch(store, sql, *arguments)

    async with opened(url) as world:
        await beat(world)
        await world.commit([start_of(9)])
        monkeypatch.setattr(Store, "fetch", watched)
        await world.commit([start_of(owner=ONE)])
        assert asked_for == [START]


async def test_a_start_is_durable_and_scans_nothing(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await beat(world)
        await connection.execute("VACUUM ANALYZE runs, events, workers")
        await connection.execute("SET synchronous_commit = off")
        sql = qualified(START, location_of(url).schema)
        async with connection.transaction():
            for number in range(1, 9):  # a plan is kept from the sixth on
                assert await connection.fetchval(sql, None, *asked(start_of(number, owner=ONE))) is not None
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            scanned = (
                "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname = current_schema()"
            )
            assert [row["relname"] for row in await connection.fetch(scanned)] == []
