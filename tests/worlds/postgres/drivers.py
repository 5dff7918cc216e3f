"""What another driver calls in its own transaction, and what a worker then makes of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from perdure import create_hook, create_webhook, workflow
from perdure.worlds.postgres.location import location_of

HERE = "tests.worlds.postgres.drivers"


@dataclass(frozen=True)
class Order:
    id: str
    placed_at: datetime
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Approval:
    approved: bool
    at: datetime


@workflow
async def fulfil(order: Order, copies: int = 1) -> str:
    return f"{order.id} of {order.placed_at:%Y} x {copies}: {', '.join(order.lines)}"


@workflow
async def echo(value: Any) -> Any:
    return value


@workflow
async def approve(name: str) -> str:
    async with create_hook(Approval, token=f"approval:{name}") as approval:
        decision = await approval
    return f"{decision.approved} in {decision.at:%Y}"


@workflow
async def gather(name: str, count: int) -> list[Any]:
    async with create_hook(token=name) as hook:
        return [await hook for _ in range(count)]


@workflow
async def called_back() -> str:
    async with create_webhook() as webhook:
        return (await webhook).method


class Desk:
    """A connection of the user's own, and the two functions called on it."""

    def __init__(self, connection: "psycopg.Connection[Any]", schema: str) -> None:
        self.connection = connection
        self.schema = schema

    def start_run(self, *arguments: Any, **named: Any) -> str:
        return self.call("start_run", *arguments, **named)

    def send(self, *arguments: Any, **named: Any) -> str:
        return self.call("send", *arguments, **named)

    def call(self, function: str, *arguments: Any, **named: Any) -> Any:
        """The value of the function. Objects and arrays go as JSON."""
        given = [sql.Placeholder()] * len(arguments)
        given += [sql.SQL("{} => {}").format(sql.Identifier(name), sql.Placeholder()) for name in named]
        name = sql.Identifier(self.schema, function)
        statement = sql.SQL("SELECT {}({})").format(name, sql.SQL(", ").join(given))
        return self.one(statement, *map(_adapted, (*arguments, *named.values())))

    def one(self, statement: Any, *values: Any) -> Any:
        """The only value."""
        row = self.connection.execute(statement, values or None).fetchone()
        return row and row[0]

    def run(self, statement: Any) -> None:
        self.connection.execute(statement)

    def count(self, table: str) -> int:
        return self.one(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(self.schema, table)))


def _adapted(value: Any) -> Any:
    return Jsonb(value) if isinstance(value, dict | list) else value


@contextmanager
def desk(url: str, **parameters: Any) -> Iterator[Desk]:
    location = location_of(url)
    with psycopg.connect(location.dsn, options="-c lock_timeout=20s", **parameters) as connection:
        yield Desk(connection, location.schema)
