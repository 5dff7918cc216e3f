"""Hints between processes: one for many commits, none from oneself, and heard again after the connection was cut."""

import asyncio
from collections.abc import Callable

import asyncpg
import pytest

from perdure.testing.conformance.sample import append_to, born, chunks_of, do, letter_to, start_of
from perdure.world import Send
from perdure.worlds.postgres import PostgresWorld, notice
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.notice import _TELL, Notices, channel_of
from tests.worlds.postgres.database import database

pytestmark = pytest.mark.anyio


class Ear:
    """A subscriber that can be waited for."""

    def __init__(self) -> None:
        self.heard = asyncio.Event()
        self.times = 0

    def __call__(self) -> None:
        self.times += 1
        self.heard.set()

    async def hears(self) -> None:
        await asyncio.wait_for(self.heard.wait(), 30)
        self.heard.clear()


def test_channels_are_short_and_told_apart() -> None:
    assert len(channel_of("a" * 63)) <= 63
    assert channel_of("a") != channel_of("b")


async def listening(url: str) -> tuple[PostgresWorld, PostgresWorld, Ear]:
    one, other = (PostgresWorld(url.replace("&listen=0", "")) for _ in range(2))
    await one.open()
    await other.open()
    ear = Ear()
    other.subscribe(ear)
    await ear.hears()  # it listens now
    return one, other, ear


async def test_another_process_hears_of_what_it_may_wait_for(url: str) -> None:
    one, other, ear = await listening(url)
    for operation in (start_of(2), Send(letter=letter_to(2))):
        await do(one, operation)
        await ear.hears()
    await born(one)
    await do(one, append_to(1, chunks=(chunks_of(1, "", b"a"),)))
    await ear.hears()
    await do(one, append_to(1, 4, status="completed"))
    await ear.hears()
    await one.close()
    await other.close()


async def test_one_hears_its_own_at_once(url: str) -> None:
    one, other, ear = await listening(url)
    await do(other, start_of(1))
    assert ear.heard.is_set()
    await other.close()
    await other.close()
    await one.close()


async def test_it_listens_again_when_the_connection_was_cut(url: str) -> None:
    one, other, ear = await listening(url)
    async with database(url) as connection:
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
    await ear.hears()  # it may have missed something
    await do(one, start_of(1))
    await ear.hears()
    await one.close()
    await other.close()


async def test_it_listens_again_whatever_the_server_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [asyncpg.AdminShutdownError("terminating"), OSError("reset"), asyncpg.InterfaceError("closed")]
    inner = asyncpg.Connection.add_listener

    async def add_listener(connection: asyncpg.Connection, channel: str, callback: Callable[..., None]) -> None:
        if refusals:
            raise refusals.pop()
        await inner(connection, channel, callback)

    monkeypatch.setattr(asyncpg.Connection, "add_listener", add_listener)
    monkeypatch.setattr(notice, "_AGAIN_S", (0.001, 0.001))
    one, other, _ = await listening(url)
    assert refusals == []
    await one.close()
    await other.close()


async def test_nobody_need_listen(url: str) -> None:
    world = PostgresWorld(url)
    await world.open()
    ear = Ear()
    stop = world.subscribe(ear)
    await do(world, start_of(1))
    assert ear.times == 1
    stop()
    stop()
    await do(world, start_of(2))
    assert ear.times == 1
    async with database(url) as connection:
        listens = f'LISTEN "{channel_of(location_of(url).schema)}"%'  # other tests share the server
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query LIKE $1", listens) == 0
    await world.close()


async def test_a_hint_waits_for_no_disk_and_leaves_the_session_as_it_was(url: str) -> None:
    async with database(url) as connection:
        async with connection.transaction():
            await connection.fetch(_TELL, channel_of("x"), "me")
            assert await connection.fetchval("SHOW synchronous_commit") == "off"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"


class Trials:
    """Counts how often a listener was tried, and forges what came of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, deaf_from: int = 10**9) -> None:
        self.count = 0
        monkeypatch.setattr(notice, "_CHECK_S", 0.01)
        inner = Notices._hears

        async def hears(notices: Notices, lost: asyncio.Event) -> bool:
            self.count += 1
            return await inner(notices, lost) and self.count < deaf_from

        monkeypatch.setattr(Notices, "_hears", hears)

    async def reach(self, count: int) -> None:
        async with asyncio.timeout(30):
            while self.count < count:
                await asyncio.sleep(0.001)


async def test_trials_are_no_hints_to_anybody(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = Trials(monkeypatch)
    one, other, ear = await listening(url)
    own = Ear()
    one.subscribe(own)
    await own.hears()
    told = ear.times, own.times
    await trials.reach(trials.count + 20)
    assert (ear.times, own.times) == told
    await one.close()
    await other.close()


async def test_a_listener_that_hears_nothing_any_more_connects_anew(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is dead keeps its connections open."""
    trials = Trials(monkeypatch, deaf_from=5)
    one, other, ear = await listening(url)
    first = await listeners(url)
    await ear.hears()  # it has connected anew: it may have missed something
    await trials.reach(6)
    assert not first & await listeners(url)
    await one.close()
    await other.close()


async def listeners(url: str) -> set[int]:
    """Of this test's schema, by their processes on the server."""
    channel = channel_of(location_of(url).schema)
    async with database(url) as connection:
        rows = await connection.fetch(f"SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%{channel}%'")
        return {row[0] for row in rows}


async def test_a_listener_that_was_deaf_from_the_first_is_told_of_once(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    trials = Trials(monkeypatch, deaf_from=0)
    monkeypatch.setattr(notice, "_DEAF_S", 0.001)
    one, other, _ = await listening(url)
    await trials.reach(4)
    assert caplog.text.count("notifications don't come through") == 1
    await one.close()
    await other.close()
