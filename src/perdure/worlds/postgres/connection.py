"""A connection: how it is made, and its statements, each one round trip and nothing left behind in the session.

Statements are prepared without a name: the driver learns their types once for each connection, and sends text and
arguments together ever after. So a pooler may give every statement to another session.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from perdure.worlds.postgres.fault import opening
from perdure.worlds.postgres.location import Location


class Statement(Protocol):
    """What is used of `asyncpg.prepared_stmt.PreparedStatement`."""

    async def fetch(self, *args: Any, timeout: float | None = None) -> list[Any]: ...


class Driver(Protocol):
    """What is used of `asyncpg.Connection`."""

    async def prepare(self, query: str, *, name: str, timeout: float | None = None) -> Statement: ...

    async def execute(self, query: str, *, timeout: float | None = None) -> str: ...

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...

    def add_termination_listener(self, callback: Callable[[Any], None]) -> None: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


_connect = cast(Callable[..., Awaitable[Driver]], asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]


class Connection:
    """Texts of statements name tables and functions as `perdure.name`; that is replaced by the world's schema."""

    def __init__(self, driver: Driver, location: Location) -> None:
        self.driver = driver
        self._schema = location.schema
        self._timeout_s = location.command_s
        self._statements: dict[str, Statement] = {}

    @property
    def usable(self) -> bool:
        return not self.driver.is_closed()

    async def fetch(self, sql: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """All rows. Whatever it raises but a refusal by the server, the connection is not to be used again."""
        statement = self._statements.get(sql)
        if statement is None:
            statement = await self.driver.prepare(qualified(sql, self._schema), name="", timeout=self._timeout_s)
            self._statements[sql] = statement
        return await statement.fetch(*arguments, timeout=self._timeout_s)

    def terminate(self) -> None:
        """Let go of it at once."""
        self._statements.clear()
        self.driver.terminate()

    async def close(self) -> None:
        self.terminate()
        await asyncio.sleep(0)  # a transport closes its socket in the next turn of the loop


def qualified(sql: str, schema: str) -> str:
    return sql.replace("perdure.", f'"{schema}".')


async def connect(location: Location) -> Connection:
    """Raises: WorldInvalid, WorldUnavailable."""
    with opening(location):
        driver = await _connect(location.dsn, timeout=location.connect_s, statement_cache_size=0)
    return Connection(driver, location)
