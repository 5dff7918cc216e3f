"""Transactions for steps: rows of a table and an append, both or neither. A World without tables passes unasked."""

import inspect
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from perdure.errors import TransactionInvalid
from perdure.testing.conformance.clock import VirtualClock
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    Check,
    append_to,
    born,
    chunks_of,
    claim_all,
    done,
    everything,
    letter_to,
    log_of,
    mail_of,
    record_of,
    row,
    run_id,
    sent,
    start_of,
    texts_of,
)
from perdure.world import Append, Appended, Refusal, Refused, Row, Transaction, World

KEEPER = 99
"""The run whose log makes and drops the table, and looks into it."""


async def rows_are_there_with_their_append(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        clock.advance(7)
        transaction = await _writing(world, table, 1, 2)
        assert await transaction.commit(append_to(1, 3)) == Appended(at_ms=clock(), mail=0)
        assert (await log_of(world)).rows[2:] == (
            Row(seq=3, turn=1, epoch=1, type="step_completed", key=row().key, payload=row().payload, at_ms=clock()),
        )
        assert await _numbers(world, table) == [1, 2]
        await done(world, append_to(1, 4))


async def an_append_may_bring_anything(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        await born(world, 2)
        transaction = await _writing(world, table, 1)
        append = append_to(
            1,
            3,
            rows=(row(), row("run_completed", key="")),
            status="completed",
            letters=(letter_to(2),),
            children=(start_of(3),),
            chunks=(chunks_of(1, "", b"a", b"b"),),
            attributes={"a": "b"},
        )
        assert await transaction.commit(append) == Appended(at_ms=clock(), mail=0, near=(run_id(2),))
        assert ((await record_of(world)).status, (await record_of(world)).attributes) == ("completed", {"a": "b"})
        assert (await mail_of(world, 2), (await record_of(world, 3)).status) == (["mail_1"], "pending")
        assert (await texts_of(world), await _numbers(world, table)) == ([b"a", b"b"], [1])


async def what_is_refused_takes_the_rows_with_it(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        await sent(world, letter_to(1))
        ends = append_to(1, 3, status="completed")
        wrong: list[tuple[Append, Refusal]] = [
            (append_to(5, 3), Refusal.UNKNOWN),
            (append_to(1, 3, owner=TWO), Refusal.FENCED),
            (append_to(1, 3, epoch=2), Refusal.FENCED),
            (append_to(1, 4), Refusal.PLACE),
            (ends, Refusal.MAIL),
            (append_to(1, 3, due_ms=clock() + 1), Refusal.EARLY),
        ]
        for append, refusal in wrong:
            await _refused(world, table, append, refusal)
        await done(world, replace(ends, mail_taken=("mail_1",)))
        await _refused(world, table, append_to(1, 4), Refusal.ENDED)


async def who_lost_the_run_meanwhile_writes_nothing(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        await world.retire(ONE, died=True)
        assert len(await claim_all(world, TWO)) == 2, "this run, and the table's keeper"
        await _refused(world, table, append_to(1, 3), Refusal.FENCED)
        transaction = await _writing(world, table, 1)
        assert isinstance(await transaction.commit(append_to(1, 3, owner=TWO, epoch=2)), Appended)
        assert await _numbers(world, table) == [1]


async def what_is_rolled_back_was_never_there(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        before = await everything(world)
        transaction = await _writing(world, table, 1)
        transaction.rollback()
        transaction.rollback()
        assert await everything(world) == before
        transaction = await _writing(world, table, 2)
        assert isinstance(await transaction.commit(append_to(1, 3)), Appended)
        transaction.rollback()
        assert await _numbers(world, table) == [2]


async def who_ends_it_by_himself_has_completed_nothing(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        before = await everything(world)
        for word in ("COMMIT", "ROLLBACK", "ROLLBACK; BEGIN"):
            transaction = await _writing(world, table, 1)
            with suppress(TransactionInvalid):  # it may be told at once
                await _ask(transaction.connection, word)
            try:
                await transaction.commit(append_to(1, 3))
            except TransactionInvalid as error:
                assert (error.step, "has ended the transaction itself" in str(error)) == ("shop:charge", True)
            else:
                raise AssertionError(f"after {word} it could be committed")
            assert await everything(world) == before


async def its_connection_is_of_no_use_afterwards(world: World, clock: VirtualClock) -> None:
    async with _table(world) as table:
        if table is None:
            return
        await born(world)
        committed = await _writing(world, table, 1)
        assert isinstance(await committed.commit(append_to(1, 3)), Appended)
        rolled_back = await _writing(world, table, 2)
        rolled_back.rollback()
        assert await _numbers(world, table) == [1]  # by now it has ended
        for ended in (committed, rolled_back):
            try:
                await _ask(ended.connection, f"INSERT INTO {table} VALUES (3)")
            except Exception:
                continue
            raise AssertionError("a row was written outside of any transaction")
        assert await _numbers(world, table) == [1]


CHECKS: tuple[Check, ...] = (
    rows_are_there_with_their_append,
    an_append_may_bring_anything,
    what_is_refused_takes_the_rows_with_it,
    who_lost_the_run_meanwhile_writes_nothing,
    what_is_rolled_back_was_never_there,
    who_ends_it_by_himself_has_completed_nothing,
    its_connection_is_of_no_use_afterwards,
)


@asynccontextmanager
async def _table(world: World) -> AsyncGenerator[str | None]:
    """A table with one column, made and dropped by `KEEPER`; None where the World has none."""
    if world.transactions is None:
        yield None
        return
    name = f"conformance_{uuid4().hex}"
    await born(world, KEEPER)
    await _kept(world, f"CREATE TABLE {name} (number bigint)")
    try:
        yield name
    finally:
        await _kept(world, f"DROP TABLE {name}")


async def _kept(world: World, sql: str) -> list[Any]:
    """Do this in a transaction of the keeper's."""
    transaction = await _begun(world)
    try:
        found = await _ask(transaction.connection, sql)
        record = await record_of(world, KEEPER)
        keeps = append_to(KEEPER, record.length + 1, owner=record.owner, epoch=record.epoch)
        assert isinstance(await transaction.commit(keeps), Appended)
    finally:
        transaction.rollback()
    return found


async def _numbers(world: World, table: str) -> list[int]:
    return [number for [number] in await _kept(world, f"SELECT number FROM {table} ORDER BY number")]


async def _begun(world: World) -> Transaction:
    assert world.transactions is not None
    return await world.transactions.begin("shop:charge")


async def _writing(world: World, table: str, *numbers: int) -> Transaction:
    """An open transaction, in which these numbers have been written."""
    transaction = await _begun(world)
    try:
        for number in numbers:
            await _ask(transaction.connection, f"INSERT INTO {table} VALUES ({number})")
    except BaseException:
        transaction.rollback()
        raise
    return transaction


async def _refused(world: World, table: str, append: Append, refusal: Refusal) -> None:
    before = await everything(world)
    outcome = await (await _writing(world, table, 1)).commit(append)
    assert isinstance(outcome, Refused), outcome
    assert outcome.refusal is refusal, outcome
    assert await everything(world) == before
    assert await _numbers(world, table) == []


async def _ask(connection: Any, sql: str) -> list[Any]:
    """What the driver finds; its calls may have to be awaited."""
    if sql.startswith("SELECT") and hasattr(connection, "fetch"):
        return list(await connection.fetch(sql))
    done = connection.execute(sql)
    if inspect.isawaitable(done):
        await done
        return []
    return done.fetchall()
