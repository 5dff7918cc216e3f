"""Sessions that steps write through, of one event loop: asyncpg's own pool, so that steps never wait for the engine's
connections, nor it for theirs.

A session that is given back is reset, and taken out of the hands of whoever still holds it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from perdure.errors import WorldUnavailable
from perdure.worlds.postgres.fault import Gone, opening
from perdure.worlds.postgres.location import Location
from perdure.worlds.postgres.pool import closes_with_its_loop


class Transaction(Protocol):
    """What is used of `asyncpg.transaction.Transaction`."""

    async def start(self) -> None: ...

    async def commit(self) -> None: ...

    async def rollback(self) -> None: ...


class Session(Protocol):
    """What is used of a connection of asyncpg's pool."""

    def transaction(self, *, isolation: str) -> Transaction: ...

    async def execute(self, query: str, *, timeout: float | None = None) -> str: ...

    async def fetchval(self, query: str, *args: Any, timeout: float | None = None) -> Any: ...

    def is_in_transaction(self) -> bool: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


class Driver(Protocol):
    """What is used of `asyncpg.Pool`."""

    def __await__(self) -> Generator[Any, Any, object]: ...

    def acquire(self) -> Awaitable[Session]: ...

    async def release(self, connection: Session, *, timeout: float) -> None: ...

    def terminate(self) -> None: ...


_create_pool = cast(Callable[..., Driver], asyncpg.create_pool)  # pyright: ignore[reportUnknownMemberType]


class Sessions:
    """As many as the location says of connections, beside those. For the loop that it was made in, only."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._pool = _create_pool(
            location.dsn,
            min_size=0,
            max_size=location.connections,
            timeout=location.connect_s,
            statement_cache_size=0,  # a pooler may give each transaction to another session
        )
        self._guard = closes_with_its_loop(self)
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False
        self.loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """From here on the end of the loop closes it."""
        await self._pool
        await anext(self._guard)

    async def take(self) -> Session:
        """As soon as one is free. Raises: WorldInvalid, WorldUnavailable."""
        if self._closed:
            raise WorldUnavailable("it was closed in this process")
        with opening(self._location):
            return await self._pool.acquire()

    def give_back(self, session: Session, undo: Transaction | None) -> None:
        """At once; `undo`: what is open in it is rolled back first."""
        if self._closed:
            _terminate(session)
            return
        task = self.loop.create_task(self._give_back(session, undo))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def close(self) -> None:
        """Harmless to repeat."""
        self.terminate()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._guard.aclose()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn of the loop

    def terminate(self) -> None:
        """All sessions go, also those in use. From this loop's thread."""
        if not self._closed:
            self._closed = True
            self._pool.terminate()

    async def _give_back(self, session: Session, undo: Transaction | None) -> None:
        try:
            async with asyncio.timeout(self._location.connect_s):
                if undo is not None:
                    await undo.rollback()
                await self._pool.release(session, timeout=self._location.connect_s)
        except Exception:  # whatever it is, a new session is as good
            _terminate(session)


def is_gone(session: Session) -> bool:
    """Whether it was closed: the pool takes it out of every hand then."""
    try:
        return session.is_closed()
    except Gone:
        return True


def _terminate(session: Session) -> None:
    with suppress(Gone):
        session.terminate()
