"""Statements leave nothing in the session, and errors at the door say what to do, without the password."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from perdure.errors import WorldInvalid, WorldUnavailable
from perdure.testing.conformance.sample import append_to, born, chunks_of, done, row, run_id
from perdure.worlds.postgres.connection import Call, Connection, connect, qualified
from perdure.worlds.postgres.location import location_of
from tests.worlds.postgres.opened import opened
from tests.worlds.postgres.pooler import Mode, pooling
from tests.worlds.postgres.server import mortal

pytestmark = pytest.mark.anyio


def test_names_are_the_schemas() -> None:
    assert qualified("SELECT perdure.clock_ms() FROM perdure.runs", "app") == 'SELECT "app".clock_ms() FROM "app".runs'


async def test_nothing_is_left_in_the_session(url: str) -> None:
    """A pooler may give each statement to another session."""
    connection = await connect(location_of(url))
    for number in range(3):
        assert [tuple(row) for row in await connection.fetch("SELECT $1::int + 1", [number])] == [(number + 1,)]
        assert [tuple(row) for row in await connection.fetch("SELECT $1::text", ["a"])] == [("a",)]
    [[left]] = await connection.fetch("SELECT count(*) FROM pg_prepared_statements")
    assert left == 0
    connection.terminate()
    assert not connection.usable


async def test_a_database_that_isnt_there(url: str) -> None:
    location = location_of(url.replace("/postgres?", "/nowhere?").replace("postgres:@", "postgres:secret@"))
    with pytest.raises(WorldInvalid, match=r'database "nowhere" does not exist: create it \(createdb\)') as caught:
        await connect(location)
    assert "secret" not in str(caught.value)


async def test_a_user_that_isnt_there(url: str) -> None:
    with pytest.raises(WorldInvalid, match="check user and password"):
        await connect(location_of(url.replace("postgres:@", "nobody:secret@")))


async def test_nobody_listens_there() -> None:
    with pytest.raises(WorldUnavailable, match="check host and port, and that the server runs") as caught:
        await connect(location_of("postgresql://me:secret@127.0.0.1:1/d"))
    assert "secret" not in str(caught.value)


async def test_a_parameter_that_the_driver_refuses() -> None:
    with pytest.raises(WorldInvalid, match="the driver can't use it"):
        await connect(location_of("postgresql://me@127.0.0.1:1/d?sslmode=maybe"))


async def test_a_wrong_password() -> None:
    with mortal() as (uri, _):
        connection = await asyncpg.connect(uri)
        await connection.execute("CREATE ROLE me LOGIN PASSWORD 'right'")
        rules = Path(parse_qs(urlsplit(uri).query)["host"][0], "pg_hba.conf")
        rules.write_text(f"local all me scram-sha-256\n{rules.read_text()}")
        await connection.fetchval("SELECT pg_reload_conf()")
        for user in ("me:secret", "me"):
            theirs = location_of(uri.replace("postgres:@", f"{user}@"))
            async with asyncio.timeout(30):
                while True:  # until the server has read its rules
                    try:
                        (await connect(theirs)).terminate()
                    except WorldInvalid as error:
                        assert "the server refuses the user: password authentication failed" in str(error)
                        assert "check user and password" in str(error)
                        assert "secret" not in str(error)
                        break
                    await asyncio.sleep(0.01)
        (await connect(location_of(uri.replace("postgres:@", "me:right@")))).terminate()
        await connection.close()


async def test_the_driver_needs_to_ask_for_no_types(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would, once for each connection, and that takes longer than what was to be done."""
    asked: list[object] = []
    ask = asyncpg.Connection._introspect_types

    async def noted(connection: Any, types: Any, timeout: Any) -> Any:
        asked.append(types)
        return await ask(connection, types, timeout)

    monkeypatch.setattr(asyncpg.Connection, "_introspect_types", noted)
    async with opened(url) as world:
        await born(world)
        await done(world, append_to(1, rows=(row(), row(), row()), chunks=(chunks_of(1, "", b"a"),)))
        assert await world.read_log(run_id(1)) is not None
        assert await world.streams.read(run_id(1), "", 0, 10) is not None
    assert asked == []
    connection = await connect(location_of(url))
    arrays = "SELECT $1::bytea[], $2::int[], $3::bigint[], $4::smallint[]"
    [found] = await connection.fetch(arrays, [[b"a"], [1], [2], [3]])
    assert tuple(found) == ([b"a"], [1], [2], [3])
    assert len(asked) == 1, "it still asks for what it doesn't know"
    await connection.close()


ADD = Call("SELECT $1::int + 1")
KEPT = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''"


async def results(connection: Connection) -> list[int]:
    return [(await connection.fetch(ADD, [number]))[0][0] for number in range(3)]


async def kept(connection: Connection) -> int:
    [[count]] = await connection.fetch(KEPT)
    return count


async def test_calls_are_parsed_once(url: str) -> None:
    connection, other = await connect(location_of(url)), await connect(location_of(url))
    for each in (connection, other):
        assert await results(each) == [1, 2, 3]
        assert await kept(each) == 1
        await each.fetch("SELECT $1::int", [1])
        assert await kept(each) == 1
    await connection.close()
    await other.close()


async def test_a_session_that_forgets_is_told_all_anew(url: str) -> None:
    connection = await connect(location_of(url))
    assert await results(connection) == [1, 2, 3]
    await connection.driver.execute("DEALLOCATE ALL")
    assert await results(connection) == [1, 2, 3]
    assert await kept(connection) == 0
    await connection.close()


@pytest.mark.parametrize("mode", ["transaction", "session", "statement"])
async def test_nothing_is_kept_behind_a_pooler(mode: Mode, server: str) -> None:
    with pooling(server, mode) as pooler:
        connection = await connect(location_of(f"{pooler}&schema=none"))
        assert await results(connection) == [1, 2, 3]
        assert await kept(connection) == 0
        await connection.close()


async def test_a_pooler_that_isnt_seen_is_met(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes the server's greeting on, and gives each transaction to another session."""
    with pooling(server, "transaction", 2) as pooler:
        connection, other = [await connect(location_of(f"{pooler}&schema=none")) for _ in range(2)]
        [[pid]] = await connection.fetch("SELECT pg_backend_pid()")
        monkeypatch.setattr(asyncpg.Connection, "get_server_pid", lambda _: pid)
        await connection.fetch(ADD, [1])
        assert await kept(connection) == 1
        await other.driver.execute("BEGIN")  # takes the session that was last given back
        assert await results(connection) == [1, 2, 3]
        assert await kept(connection) == 0
        await other.close()
        await connection.close()
