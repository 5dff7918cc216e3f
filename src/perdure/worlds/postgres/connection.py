"""A connection: how it is made, and its statements, each one round trip that wants nothing of the session.

Statements are prepared without a name: the driver learns their types once for each connection, and sends text and
arguments together ever after. So a pooler may give every statement to another session. Where there is none, calls of our
functions have names: the server then parses and plans them once for each connection.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, cast
from uuid import uuid4

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from perdure.worlds.postgres.fault import Forgotten, opening
from perdure.worlds.postgres.location import Location


class Statement(Protocol):
    """What is used of `asyncpg.prepared_stmt.PreparedStatement`."""

    async def fetch(self, *args: Any, timeout: float | None = None) -> list[Any]: ...


class Codecs(Protocol):
    """What is used of `asyncpg.ConnectionSettings`."""

    def register_data_types(self, types: Iterable[object]) -> None: ...


class Driver(Protocol):
    """What is used of `asyncpg.Connection`."""

    async def prepare(self, query: str, *, name: str, timeout: float | None = None) -> Statement: ...

    async def execute(self, query: str, *, timeout: float | None = None) -> str: ...

    async def add_listener(self, channel: str, callback: Callable[..., None]) -> None: ...

    def add_termination_listener(self, callback: Callable[[Any], None]) -> None: ...

    def get_server_pid(self) -> int: ...

    def get_settings(self) -> Codecs: ...

    def is_closed(self) -> bool: ...

    def terminate(self) -> None: ...


_connect = cast(Callable[..., Awaitable[Driver]], asyncpg.connect)  # pyright: ignore[reportUnknownMemberType]


_NO_ARRAY = dict.fromkeys(("range_subtype", "attrtypoids", "basetype"))
_ARRAYS = [
    {"oid": oid, "ns": "pg_catalog", "name": f"_{of}", "elemtype": element, "elemdelim": ",", "kind": b"b", **_NO_ARRAY}
    for oid, of, element in ((1001, "bytea", 17), (1007, "int4", 23), (1016, "int8", 20))
]
"""The arrays that our statements send and get, as the server's catalog has them ever since. The driver would ask each
connection for them, with a statement that takes longer than most of ours."""


class Call(str):
    """A statement that calls one of our functions, and no more: whatever the tables hold, it has but one plan."""

    __slots__ = ()


class Connection:
    """Texts of statements name tables and functions as `perdure.name`; that is replaced by the world's schema."""

    def __init__(self, driver: Driver, location: Location) -> None:
        self.driver = driver
        self._schema = location.schema
        self._timeout_s = location.command_s
        self._statements: dict[str, Statement] = {}
        self._prefix: str | None = None

    @property
    def usable(self) -> bool:
        return not self.driver.is_closed()

    def knows(self, sql: str) -> bool:
        """Whether it was asked this before."""
        return sql in self._statements

    async def fetch(self, sql: str, arguments: Sequence[Any] = ()) -> list[Any]:
        """All rows. Whatever it raises but a refusal by the server, the connection is not to be used again."""
        statement = self._statements.get(sql) or await self._prepare(sql)
        try:
            return await statement.fetch(*arguments, timeout=self._timeout_s)
        except Forgotten:  # and has done nothing
            if not self._prefix:
                raise
            self._prefix = ""
            self._statements.clear()
            return await self.fetch(sql, arguments)

    async def _prepare(self, sql: str) -> Statement:
        name = f"{prefix}{len(self._statements)}" if isinstance(sql, Call) and (prefix := await self._names()) else ""
        text = qualified(sql, self._schema)
        statement = self._statements[sql] = await self.driver.prepare(text, name=name, timeout=self._timeout_s)
        return statement

    async def _names(self) -> str:
        """How names begin, that nobody else uses: so wherever a session should change all the same, it doesn't know them,
        and says so. Empty: all go without, for the session that greeted isn't the one that answers: a pooler greets itself.
        """
        if self._prefix is None:
            [[pid]] = await self.fetch("SELECT pg_backend_pid()")
            self._prefix = f"perdure_{uuid4().hex}_" if pid == self.driver.get_server_pid() else ""
        return self._prefix

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
        driver.get_settings().register_data_types(_ARRAYS)
    return Connection(driver, location)
