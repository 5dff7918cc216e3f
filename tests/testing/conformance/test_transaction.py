"""Each rule of transactions, taken out, fails a check. The faults are those of a SQLite World: memory has no tables."""

from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from perdure.testing.conformance import Check, VirtualClock
from perdure.testing.conformance.transaction import CHECKS
from perdure.world import Append, Appended, Refused
from perdure.worlds.memory import MemoryWorld
from perdure.worlds.sqlite import SqliteWorld
from perdure.worlds.sqlite.connection import connect
from perdure.worlds.sqlite.guest import Guest
from tests.worlds.sqlite.opened import opened

pytestmark = pytest.mark.anyio


class Faulty:
    """A transaction, as it should be; and for the World its opener."""

    exclusive, limit_ms, in_threads = True, 5000, True

    def __init__(self, world: SqliteWorld, guest: Guest | None = None) -> None:
        self._world = world
        self._opener: Any = world.transactions if guest is None else None
        self.guest: Any = guest
        self.connection: Any = None if guest is None else guest.connection

    async def begin(self, step: str) -> "Faulty":
        return type(self)(self._world, await self._opener.begin(step))

    async def commit(self, append: Append) -> Appended | Refused:
        return await self.guest.commit(append)

    def rollback(self) -> None:
        self.guest.rollback()

    def commit_rows(self) -> None:
        self.guest._may_commit = True
        if self.connection.in_transaction:
            self.connection.execute("COMMIT")
        self.guest._may_commit = False


class RowsFirst(Faulty):
    """And whatever becomes of the append."""

    async def commit(self, append: Append) -> Appended | Refused:
        self.commit_rows()
        self.guest.rollback()
        [outcome] = await self._world.commit([append])
        assert isinstance(outcome, Appended | Refused)
        return outcome


class NoRows(Faulty):
    async def commit(self, append: Append) -> Appended | Refused:
        self.guest.rollback()
        [outcome] = await self._world.commit([append])
        assert isinstance(outcome, Appended | Refused)
        return outcome


class RollsNothingBack(Faulty):
    """Unless it was committed."""

    def rollback(self) -> None:
        if not self.guest._leaves.is_set():
            self.commit_rows()
        super().rollback()


class OnlyRows(Faulty):
    """Of what the append brings, only the rows of the log."""

    async def commit(self, append: Append) -> Appended | Refused:
        return await super().commit(replace(append, letters=(), children=(), chunks=(), attributes={}))


class NeverLooks(Faulty):
    """Whether somebody else has ended it."""

    async def commit(self, append: Append) -> Appended | Refused:
        if self.guest._rolled_back or not self.connection.in_transaction:
            self.guest.rollback()
            [outcome] = await self._world.commit([append])
            assert isinstance(outcome, Appended | Refused)
            return outcome
        return await super().commit(append)


class StaysOpen(Faulty):
    """Its connection writes on, when it has ended."""

    async def commit(self, append: Append) -> Appended | Refused:
        outcome = await super().commit(append)
        self.guest.connection = self.connection = Afterlife(self._world)
        return outcome


class Afterlife:
    def __init__(self, world: SqliteWorld) -> None:
        self._path = world._store._path

    def execute(self, sql: str) -> Any:
        return connect(self._path).execute(sql)


FAULTS = (RowsFirst, NoRows, RollsNothingBack, OnlyRows, NeverLooks, StaysOpen)


async def catches(check: Check, fault: type[Faulty], folder: Path) -> bool:
    clock = VirtualClock()
    async with opened(folder, clock) as world:
        faulty: Any = world
        faulty.transactions = fault(world)
        try:
            await check(world, clock)
        except (AssertionError, ValueError, apsw.SQLError):  # the latter where the table isn't there
            return True
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
async def test_a_fault_is_caught(fault: type[Faulty], tmp_path: Path) -> None:
    found = [await catches(check, fault, tmp_path / check.__name__) for check in CHECKS]
    assert any(found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_a_check_catches_a_fault(check: Check, tmp_path: Path) -> None:
    found = [await catches(check, fault, tmp_path / fault.__name__) for fault in FAULTS]
    assert any(found)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_as_it_should_be_none_is_caught(check: Check, tmp_path: Path) -> None:
    assert not await catches(check, Faulty, tmp_path)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
async def test_without_tables_nothing_is_asked(check: Check) -> None:
    clock = VirtualClock()
    await check(MemoryWorld(clock=clock), clock)
