"""The connections of one event loop: few, made when they are needed, and closed at the latest when the loop ends.

asyncpg's own pool resets a session each time one is given back, which costs a round trip: ours leave nothing to reset.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Protocol

from perdure.errors import WorldUnavailable
from perdure.worlds.postgres.connection import Connection, connect
from perdure.worlds.postgres.fault import ServerError
from perdure.worlds.postgres.location import Location


class Pool:
    """At most `location.connections` at once. For the loop that it was made in, only."""

    def __init__(self, location: Location) -> None:
        self._location = location
        self._free = location.connections
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._guard = closes_with_its_loop(self)
        self.loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """From here on the end of the loop closes it."""
        await anext(self._guard)

    def take_in(self, connection: Connection) -> None:
        """One that was made elsewhere in this loop is the pool's from now on. For a pool that nobody uses yet: none is
        counted."""
        self._all.add(connection)
        self._give_back(connection)

    async def fetch(self, sql: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """One statement on any of the connections. Raises: what the driver raises, WorldInvalid, WorldUnavailable."""
        if self._free:
            self._free -= 1
        else:
            await self._turn()
        try:
            connection = self._idle_one(sql) or await self._another()
            try:
                rows = await connection.fetch(sql, arguments)
            except ServerError:  # the server's answer: the connection is as good as before, unless it was the last word
                if connection.usable:
                    self._give_back(connection)
                else:
                    self._drop(connection)
                raise
            except BaseException:  # also a cancelled caller's: what it waited for may still be on its way
                self._drop(connection)
                raise
            self._give_back(connection)
            return rows
        finally:
            self._pass_on()

    async def close(self) -> None:
        """Harmless to repeat."""
        self.terminate()
        await self._guard.aclose()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn of the loop

    def terminate(self) -> None:
        """All connections go, also those in use. From this loop's thread."""
        self._closed = True
        while self._all:
            self._all.pop().terminate()
        self._idle.clear()

    async def _turn(self) -> None:
        """Until it is the caller's: they go in the order in which they came."""
        turn: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """The next one's turn."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1

    def _idle_one(self, sql: str) -> Connection | None:
        """The last one that was used for this statement: behind another the server would have to plan it first. If there
        is none, the last one that was used."""
        idle = self._idle
        while idle:
            last = len(idle) - 1
            place = next((place for place in range(last, -1, -1) if idle[place].knows(sql)), last)
            connection = idle.pop(place)
            if connection.usable:
                return connection
            self._all.discard(connection)
        return None

    async def _another(self) -> Connection:
        if self._closed:
            raise WorldUnavailable("it was closed in this process")
        connection = await connect(self._location)
        if self._closed:
            connection.terminate()
            raise WorldUnavailable("it was closed in this process")
        self._all.add(connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        if self._closed:
            self._drop(connection)
        else:
            self._idle.append(connection)

    def _drop(self, connection: Connection) -> None:
        """When one is lost the idle ones most likely are too: the server has gone. They would lose a write each."""
        self._all.discard(connection)
        lost = not connection.usable
        connection.terminate()
        if lost:
            while self._idle:
                idle = self._idle.pop()
                self._all.discard(idle)
                idle.terminate()


class Closed(Protocol):
    """What the end of a loop closes."""

    def terminate(self) -> None: ...


async def closes_with_its_loop(pool: Closed) -> AsyncGenerator[None]:
    """Once begun: asyncio.run shuts the generators down that its loop left open."""
    try:
        yield
    finally:
        pool.terminate()
        await asyncio.sleep(0)
