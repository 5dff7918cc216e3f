"""A World with a table: rows that reach it with an append, or not at all; and what may become of their COMMIT."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from perdure.errors import WorldUnavailable
from perdure.world import Append, Appended, Operation, Outcome, Refused
from perdure.worlds.memory.world import MemoryWorld


class Tabled:
    """Passes everything on to `inner`. `rows` is the table, `opened` counts transactions, `open` those that are open now.

    `fates`: of the COMMITs to come: "", "lost" (it landed), "away" (it didn't), or the error that it raises; `slow_s`: how
    long each takes. `begins`: errors of the beginnings to come. `stuck`: commits of batches wait for it; with `locks`, while
    any transaction is open.
    """

    limit_ms, in_threads = 0, True

    def __init__(self, inner: MemoryWorld, *, exclusive: bool) -> None:
        self.inner, self.exclusive, self.url = inner, exclusive, inner.url
        self.hooks, self.streams, self.transactions = inner.hooks, inner.streams, self
        self.rows: list[str] = []
        self.opened = self.open = 0
        self.fates: list[str | Exception] = []
        self.begins: list[Exception] = []
        self.slow_s, self.locks = 0.0, False
        self.stuck: asyncio.Event | None = None
        self.batches: list[list[Operation]] = []
        self.together: list[Append] = []

    async def begin(self, step: str) -> "Table":
        await asyncio.sleep(0.001)
        if self.begins:
            raise self.begins.pop(0)
        self.opened += 1
        self.open += 1
        return Table(self)

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(list(operations))

    async def _commit(self, operations: list[Operation]) -> list[Outcome]:
        if self.exclusive or self.locks:
            while self.open:  # as SQLite, whose only writer is the transaction
                await asyncio.sleep(0.001)
        if self.stuck is not None:
            await self.stuck.wait()
        self.batches.append(operations)
        return await self.inner.commit(operations)

    def said(self) -> list[list[str]]:
        """What each append of a batch said."""
        appends = [each for batch in self.batches for each in batch if isinstance(each, Append)]
        return [[row.type for row in append.rows] for append in appends]

    def said_together(self) -> list[list[str]]:
        """What each append of a transaction said."""
        return [[row.type for row in append.rows] for append in self.together]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class Table:
    """A transaction, and its own connection: `append` writes a row."""

    def __init__(self, world: Tabled) -> None:
        self._world, self._open = world, True
        self._rows: list[str] = []
        self.connection = self
        self.append = self._rows.append

    async def commit(self, append: Append) -> Appended | Refused:
        world = self._world
        await asyncio.sleep(world.slow_s)
        assert self._open
        fate = world.fates.pop(0) if world.fates else ""
        try:
            if isinstance(fate, Exception):
                raise fate
            if fate == "away":
                raise WorldUnavailable("nothing was written")
            [outcome] = await world.inner.commit([append])
            assert isinstance(outcome, Appended | Refused)
            if isinstance(outcome, Appended):
                world.rows += self._rows
                world.together.append(append)
            if fate == "lost":
                raise WorldUnavailable("the answer was lost")
            return outcome
        finally:
            self.rollback()

    def rollback(self) -> None:
        if self._open:
            self._open = False
            self._world.open -= 1
