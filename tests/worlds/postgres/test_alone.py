"""The short ways of an append, a start and a letter: they come to what the long way comes to, and find rows as surely."""

from typing import Any

import asyncpg
import pytest
from msgspec import json
from msgspec.structs import replace

from perdure.model.ids import MailId, WorkerId
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    append_to,
    beat,
    born,
    chunks_of,
    do,
    hook_of,
    hook_with,
    letter_to,
    log_of,
    mail_of,
    record_of,
    row,
    run_id,
    start_of,
)
from perdure.world import (
    Append,
    Appended,
    HookClosing,
    HookFilter,
    Operation,
    Outcome,
    Refused,
    Send,
    Sent,
    Start,
    Started,
)
from perdure.worlds.postgres.alone import APPEND, SEND, START, append_alone, asked, goes_alone, sent, told
from perdure.worlds.postgres.commit import COMMIT, arguments, outcomes_of
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.store import Store
from tests.worlds.postgres.database import database
from tests.worlds.postgres.opened import opened
from tests.worlds.postgres.test_commit import rows_read

pytestmark = pytest.mark.anyio

SHORT = {
    "rows": append_to(rows=(row(), row("step_completed", key="é", turn=3)), turn_completed=True, due_ms=9),
    "no rows": append_to(rows=()),
    "three rows": append_to(rows=(row(), row(key='"{}\\,'), row("step_failed", key="NULL", turn=3))),
    "rows of mail": append_to(rows=(row(), row(mail_id="m"), row(key="\0"), row(mail_id='"'), row(mail_id="\x01"))),
    "mail's": append_to(rows=(row(mail_id="m"),)),
    "an end": append_to(status="completed", turn_completed=True),
    "parked": append_to(status="blocked"),
    "runs": append_to(status="running"),
    "put away": append_to(release=True, wake_at_ms=5),
    "let go": append_to(release=True),
    "an end of what is let go": append_to(status="failed", release=True, wake_at_ms=5),
}
REFUSED = {
    "no such run": append_to(2_000),
    "another's": append_to(owner=WorkerId("wrkr_other")),
    "earlier epoch": replace(append_to(), epoch=0),
    "further on": append_to(seq=7),
    "not due": append_to(due_ms=2**50),
}


@pytest.mark.parametrize("append", SHORT.values(), ids=SHORT)
async def test_it_does_what_the_long_way_does(append: Append, url: str) -> None:
    async with opened(url, clock) as world:
        for number in (1, 2):
            await born(world, number)
        [outcome] = await world.commit([append])
        other = replace(append, run_id=run_id(2))
        assert [outcome] == await the_long_way(url, other)
        assert isinstance(outcome, Appended)
        one, two = await record_of(world, 1), await record_of(world, 2)
        assert replace(one, run_id=two.run_id, root_id=two.root_id) == two
        assert (await log_of(world, 1)).rows == (await log_of(world, 2)).rows
        assert (one.length, len((await log_of(world, 1)).rows)) == (2 + len(append.rows),) * 2


@pytest.mark.parametrize("append", REFUSED.values(), ids=REFUSED)
async def test_what_it_refuses_is_told_why(append: Append, url: str) -> None:
    async with opened(url, clock) as world:
        await born(world, 1)
        [outcome] = await world.commit([append])
        assert isinstance(outcome, Refused)
        assert [outcome] == await the_long_way(url, append)
        assert (await record_of(world, 1)).length == 2


def taking(mail_id: str, **more: Any) -> Append:
    rows = (row("hook_received", key="h", mail_id=MailId(mail_id)), row())
    return append_to(1, 4, rows=rows, mail_taken=(mail_id,), **more)


def closing(*keys: str, **more: Any) -> Append:
    return append_to(1, 4, hooks=tuple(HookClosing(key=key) for key in keys), **more)


NEARLY_SIMPLE = {
    "takes the letter": (taking("m0", turn_completed=True), 1, True),
    "takes the letter and ends": (taking("m0", status="completed"), 1, True),
    "takes the letter and is put away": (taking("m0", release=True, wake_at_ms=5), 1, True),
    "takes all mail": (taking("m0", all_mail=True), 1, True),
    "takes one of two": (taking("m0"), 2, False),
    "takes one of two and ends": (taking("m0", status="failed"), 2, False),
    "takes what isn't there": (taking("m5"), 0, False),
    "takes another than waits": (taking("m5"), 1, False),
    "closes a hook": (closing("h"), 0, True),
    "closes one that isn't there": (closing("none"), 0, True),
    "closes a hook while there is mail": (closing("h"), 1, False),
    "closes a hook and ends": (closing("h", status="completed"), 0, True),
    "closes two and ends": (closing("h", "g", status="completed"), 0, True),
    "takes the letter and closes a hook": (taking("m0", hooks=(HookClosing(key="h"),)), 1, True),
    "expires early": (closing("h", all_mail=True, due_ms=2**50), 0, False),
}


@pytest.mark.parametrize(("append", "letters", "short"), NEARLY_SIMPLE.values(), ids=NEARLY_SIMPLE)
async def test_it_takes_a_letter_and_closes_hooks(append: Append, letters: int, short: bool, url: str) -> None:
    async with opened(url, clock) as world:
        for number in (1, 2):
            await born(world, number)
            hooks = (hook_of("h", f"h{number}"), hook_of("g", f"g{number}"))
            await do(world, append_to(number, 3, hooks=hooks))
            await world.commit([Send(letter=letter_to(number, f"m{place}")) for place in range(letters)])
        assert goes_alone(append)
        store = Store(location_of(url), clock)
        await store.open(migrate=False)
        at_ms = await append_alone(store, append)
        await store.close()
        assert (at_ms is not None) is short
        [through] = await the_long_way(url, replace(append, run_id=run_id(2)))
        if not short:
            [outcome] = await world.commit([append])
            assert outcome == through
        one, two = await record_of(world, 1), await record_of(world, 2)
        assert replace(one, run_id=two.run_id, root_id=two.root_id) == two
        assert (await log_of(world, 1)).rows == (await log_of(world, 2)).rows
        assert await mail_of(world, 1) == await mail_of(world, 2)
        closed = [[(await hook_with(world, f"{key}{number}")).closed for key in "hg"] for number in (1, 2)]
        assert closed[0] == closed[1]


@pytest.mark.parametrize(
    "append",
    [
        append_to(mail_taken=("a", "b")),
        closing("h", "g"),
        append_to(hooks=(hook_of(),)),
        append_to(hooks=(hook_of(), HookClosing(key="g")), status="completed"),
        append_to(mail_taken=("a",), letters=(letter_to(2),)),
        append_to(seize=True),
    ],
)
def test_more_is_not_for_it(append: Append) -> None:
    assert not goes_alone(append)


async def test_what_meets_mail_goes_the_long_way(url: str) -> None:
    async with opened(url) as world:
        await born(world, 1)
        await do(world, Send(letter=letter_to()))
        [plain] = await world.commit([append_to()])
        [end] = await world.commit([append_to(1, 4, status="completed")])
        assert (getattr(plain, "mail", None), getattr(getattr(end, "refusal", None), "name", None)) == (1, "MAIL")


async def test_its_end_closes_hooks_and_streams(url: str) -> None:
    async with opened(url) as world:
        for number in (1, 2):
            await born(world, number)
            hooked = append_to(number, rows=(row("hook_created", key="h"),), hooks=(hook_of("h", f"t{number}"),))
            await do(world, replace(hooked, chunks=(chunks_of(number, "", b"a"),)))
        await do(world, append_to(1, 4, status="cancelled"))
        assert [hook.run_id for hook in await world.hooks.list(HookFilter())] == [run_id(2)]
        streams = [*await world.streams.list(run_id(1)), *await world.streams.list(run_id(2))]
        assert [stream.closed for stream in streams] == [True, False]


async def test_it_is_durable_whatever_the_role_says(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await born(world, 1)
        await connection.execute("SET synchronous_commit = off")
        async with connection.transaction():
            await call(connection, append_to())
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert (await record_of(world, 1)).length == 3


async def test_it_scans_nothing(url: str) -> None:
    """However few rows there are, and known to be few: the plan of a moment is kept while they become many."""
    async with opened(url) as world, database(url) as connection:
        for number in (1, 2):
            await born(world, number)
        await connection.execute("VACUUM ANALYZE runs, events, hooks, inbox, streams")
        async with connection.transaction():
            for seq in range(3, 10):  # a plan is kept from the sixth on
                await call(connection, append_to(1, seq))
            assert (
                await connection.fetchval(SEND.replace("perdure.", ""), None, *sent(Send(letter=letter_to(1, "m"))))
                == 0
            )
            await call(connection, append_to(1, 10, mail_taken=("m",), hooks=(HookClosing(key="h"),)))
            await call(connection, append_to(1, 11, status="completed"))
            await call(connection, append_to(2, release=True))
            sql = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname = current_schema()"
            assert [row["relname"] for row in await connection.fetch(sql)] == []


@pytest.mark.parametrize("analyze", ["SELECT", "ANALYZE runs", "VACUUM ANALYZE runs"])
async def test_it_finds_its_run_by_its_id(analyze: str, url: str) -> None:
    """Though the planner believes that nobody owns anything, so that going by owners would be short."""
    async with opened(url) as world, database(url) as connection:
        await world.commit([start_of(number) for number in range(100, 1100)])
        await connection.execute(analyze)
        await beat(world)
        await world.commit([start_of(number, owner=ONE) for number in range(1, 100)])
        async with connection.transaction():
            before = await rows_read(connection)
            for seq in range(3, 10):
                await call(connection, append_to(1, seq))
            assert await rows_read(connection) - before <= 7


async def test_null_is_all_that_it_says_of_a_refusal(url: str) -> None:
    async with opened(url) as world:
        await born(world, 1)
        store = Store(location_of(url), None)
        await store.open(migrate=False)
        assert await append_alone(store, append_to(seq=7)) is None
        assert await append_alone(store, append_to()) is not None
        await store.close()


async def call(connection: asyncpg.Connection, append: Append) -> None:
    """What `append_alone` does, where it can be watched."""
    assert await connection.fetchval(APPEND.replace("perdure.", ""), None, *told(append))


def clock() -> int:
    return 1_000_000


async def the_long_way(url: str, operation: Operation) -> list[Outcome]:
    async with database(url) as connection:
        sql = qualified(COMMIT, location_of(url).schema)
        [[answer]] = await connection.fetch(sql, clock(), *arguments([operation]))
    return outcomes_of([operation], json.decode(answer))


OF_0011 = (
    "SELECT append_alone(NULL, $1, $2, 1, $3, 1, 0, false, NULL, false, NULL, '{1}', '{a}', '{b}', '{c}', '{NULL}')"
)
OF_0013 = f"""
    SELECT append_alone(NULL, $1, $2, 1, $3, 0, false, NULL, false, NULL, 1, 1, 'a', 'b', 'c', NULL{", NULL" * 10})
"""


@pytest.mark.parametrize("before", [OF_0011, OF_0013], ids=["0011", "0013"])
async def test_a_worker_that_was_there_before_the_schema_goes_on(before: str, url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await born(world, 1)
        assert await connection.fetchval(before, run_id(1), ONE, 2)
        assert [each.type for each in (await log_of(world, 1)).rows][2:] == ["a"]


SENDS = {
    "to the owner's own": Send(letter=letter_to(kind="k\0", key='"'), owner=ONE),
    "to a hook": Send(letter=letter_to(), hook="h", owner=ONE),
    "to another's": Send(letter=letter_to(), hook="h", owner=TWO),
    "by nobody": Send(letter=letter_to()),
    "beside another": Send(letter=letter_to(1, "mail_2"), owner=ONE),
    "a second try": Send(letter=letter_to(1, "there"), owner=ONE),
    "a second try of what is in the log": Send(letter=letter_to(1, "logged"), owner=ONE),
    "to no hook": Send(letter=letter_to(), hook="none", owner=ONE),
    "to one that has expired": Send(letter=letter_to(), hook="expired", owner=ONE),
    "to one that is closed": Send(letter=letter_to(), hook="closed", owner=ONE),
}


@pytest.mark.parametrize("ended", [False, True])
@pytest.mark.parametrize("send", SENDS.values(), ids=SENDS)
async def test_a_letter_does_what_the_long_way_does(send: Send, ended: bool, url: str) -> None:
    async with opened(url, clock) as world:
        for number in (1, 2):
            await born(world, number)
            keys = ("h", "expired", "closed")
            hooks = [
                hook_of(key, f"{key}{number}", expires_at_ms=clock() if key == "expired" else None) for key in keys
            ]
            await do(world, append_to(number, 3, hooks=(*hooks, HookClosing(key="closed"))))
            await do(world, append_to(number, 4, rows=(row(mail_id=MailId("logged")),)))
            if send.letter.mail_id in ("there", "mail_2"):
                await do(world, Send(letter=letter_to(number, "there")))
            if ended:
                await do(world, append_to(number, 5, mail_taken=tuple(await mail_of(world, number)), status="failed"))
        [outcome] = await world.commit([send])
        assert [outcome] == await the_long_way(url, replace(send, letter=replace(send.letter, run_id=run_id(2))))
        one, two = await world.read_mail(run_id(1)), await world.read_mail(run_id(2))
        assert [replace(letter, run_id=run_id(2)) for letter in one] == [*two]
        assert (await record_of(world, 1)).mail == (await record_of(world, 2)).mail == len(one)


async def test_a_letter_takes_one_call_and_is_durable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []
    fetch = Store.fetch

    async def watched(store: Store, sql: str, *arguments: object) -> list[object]:
        asked_for.append(sql)
        return await fetch(store, sql, *arguments)

    async with opened(url) as world, database(url) as connection:
        await born(world, 1)
        monkeypatch.setattr(Store, "fetch", watched)
        assert await do(world, Send(letter=letter_to(), owner=ONE)) == Sent(mail=1)
        assert asked_for == [SEND]
        await connection.execute("SET synchronous_commit = off")
        async with connection.transaction():
            sql = qualified(SEND, location_of(url).schema)
            assert await connection.fetchval(sql, None, *sent(Send(letter=letter_to(1, "m2"), owner=ONE))) == 2
            assert await connection.fetchval("SHOW synchronous_commit") == "on"


STARTS = {
    "owned": start_of(owner=ONE),
    "nobody's": start_of(),
    "by a worker without a lease": start_of(owner=WorkerId("wrkr_gone")),
    "later": start_of(wake_at_ms=2**40),
    "with all": replace(
        start_of(owner=ONE, idempotency_key="k\0é", attributes={"a\x01": "b\0", "c": ""}, pin="v1"),
        parent_id=run_id(7), root_id=run_id(8), deployment="d\0",
    ),
    "with a key": start_of(idempotency_key="k"),
}  # fmt: skip


@pytest.mark.parametrize("start", STARTS.values(), ids=STARTS)
async def test_a_start_does_what_the_long_way_does(start: Start, url: str) -> None:
    async with opened(url, clock) as world:
        await beat(world)
        [outcome] = await world.commit([start])
        key = None if start.idempotency_key is None else start.idempotency_key + "2"
        other = replace(start, run_id=run_id(2), idempotency_key=key)
        [through] = await the_long_way(url, other)
        assert isinstance(outcome, Started) and isinstance(through, Started)
        assert replace(outcome, run_id=other.run_id) == through
        one, two = await record_of(world, 1), await record_of(world, 2)
        root = two.root_id if start.root_id is None else one.root_id
        assert replace(one, run_id=two.run_id, root_id=root, idempotency_key=key) == two
        assert (await log_of(world, 1)).rows == (await log_of(world, 2)).rows
        assert one.idempotency_key == start.idempotency_key and one.attributes == start.attributes


async def test_a_second_start_is_told_how_it_stands(url: str) -> None:
    async with opened(url) as world:
        await beat(world)
        first = start_of(owner=ONE, idempotency_key="k")
        [made] = await world.commit([first])
        [again] = await world.commit([first])
        [known] = await world.commit([start_of(2, owner=ONE, idempotency_key="k")])
        assert isinstance(made, Started) and isinstance(again, Started) and isinstance(known, Started)
        assert (made.created, again.created, known.created) == (True, False, False)
        assert (again.run_id, known.run_id, again.owned) == (run_id(1), run_id(1), True)
        assert await world.read_run(run_id(2)) is None


async def test_a_start_takes_one_call(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str] = []
    fetch = Store.fetch

    async def watched(store: Store, sql: str, *arguments: object) -> list[object]:
        asked_for.append(sql)
        return await fetch(store, sql, *arguments)

    async with opened(url) as world:
        await beat(world)
        await world.commit([start_of(9)])
        monkeypatch.setattr(Store, "fetch", watched)
        await world.commit([start_of(owner=ONE)])
        assert asked_for == [START]


async def test_a_start_is_durable_and_scans_nothing(url: str) -> None:
    async with opened(url) as world, database(url) as connection:
        await beat(world)
        await connection.execute("VACUUM ANALYZE runs, events, workers")
        await connection.execute("SET synchronous_commit = off")
        sql = qualified(START, location_of(url).schema)
        async with connection.transaction():
            for number in range(1, 9):  # a plan is kept from the sixth on
                assert await connection.fetchval(sql, None, *asked(start_of(number, owner=ONE))) is not None
            assert await connection.fetchval("SHOW synchronous_commit") == "on"
            scanned = (
                "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND schemaname = current_schema()"
            )
            assert [row["relname"] for row in await connection.fetch(scanned)] == []
