"""One call for a whole commit: what goes together, what by itself, and that the hot path scans nothing."""

import asyncio

import asyncpg
import pytest
from msgspec import json

from perdure.model.ids import WorkerId
from perdure.testing.conformance.sample import (
    FLOW,
    ONE,
    append_to,
    beat,
    born,
    chunks_of,
    do,
    hook_of,
    letter_to,
    log_of,
    record_of,
    row,
    run_id,
    send_to,
    start_of,
)
from perdure.world import (
    Append,
    Appended,
    Claim,
    HookFilter,
    Operation,
    Refusal,
    Refused,
    Send,
    Sent,
    Start,
    Started,
)
from perdure.worlds.postgres import PostgresWorld
from perdure.worlds.postgres.commit import COMMIT, arguments, is_news, outcomes_of, stirs
from perdure.worlds.postgres.connection import qualified
from perdure.worlds.postgres.location import location_of
from tests.worlds.postgres.database import database
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio


def test_plain_appends_go_as_arrays_and_others_in_words() -> None:
    operations: list[Operation] = [
        append_to(1),
        append_to(2, status="completed"),
        append_to(3),
        Send(letter=letter_to(3)),
        append_to(4, rows=(row(), row()), turn_completed=True, due_ms=9),
        start_of(5),
    ]
    touched, op, run, _owner, _epoch, length, first, rows, keep, due, r_op, *_, more, data = arguments(operations)
    assert sorted(json.decode(f"[{touched[1:-1]}]")) == [run_id(number) for number in (2, 3, 5)]
    assert (op, run, length) == ("{1, 5}", f'{{"{run_id(1)}","{run_id(4)}"}}', "{2, 2}")
    assert (first, rows, keep, due) == ("{1, 4}", "{1, 2}", "{1, 0}", "{0, 9}")
    assert r_op == "{1, 2, 0, 5, 5, 6}"
    assert [more.count(f'"do":"{what}"') for what in ("append", "send", "start")] == [2, 1, 1]
    assert [told["op"] for told in json.decode(more) if "together" in told] == [2, 6]
    assert len(data) == 1  # the letter's: those of a start are in its rows


@pytest.mark.parametrize(
    "operations",
    [
        [start_of(1), Send(letter=letter_to(1))],
        [start_of(1, idempotency_key="k"), start_of(2, idempotency_key="k")],
        [start_of(1, idempotency_key="k"), append_to(2, children=(start_of(3, idempotency_key="k"),))],
        [append_to(1, status="completed"), append_to(2, hooks=(hook_of(),))],
        [append_to(1, status="completed"), append_to(2, letters=(letter_to(1),))],
        [append_to(1, status="completed"), append_to(2, chunks=(chunks_of(1),))],
        [append_to(1), append_to(1, 4, status="completed")],
        [append_to(1, attributes={"a": "b"})],
    ],
)  # fmt: skip
def test_what_another_bears_on_waits_for_its_turn(operations: list[Operation]) -> None:
    assert "together" not in arguments(operations)[-2]


async def test_what_cannot_be_done_together_is_done_alone(url: str) -> None:
    """Each kind as asked, with mail, refused, met: and the others of its kind go through."""
    async with opened(url) as world:
        for number in range(1, 6):
            await born(world, number)
        await do(world, Send(letter=letter_to(2)))
        await do(world, start_of(8, idempotency_key="k"))
        outcomes = await world.commit(
            [
                append_to(1, status="completed"),
                append_to(2, status="completed"),
                append_to(2_000, status="failed"),
                append_to(3, release=True, wake_at_ms=5),
                append_to(4, 7, release=True),
                append_to(5, status="running", due_ms=2**50),
                start_of(6, owner=ONE),
                start_of(7, owner=WorkerId("wrkr_dead"), wake_at_ms=9),
                start_of(1),
                start_of(9, idempotency_key="k"),
            ]
        )
        refusals = [outcome.refusal.name if isinstance(outcome, Refused) else None for outcome in outcomes]
        assert refusals == [None, "MAIL", "UNKNOWN", None, "PLACE", "EARLY", None, None, None, None]
        found = [(each.run_id, each.created, each.owned) for each in outcomes if isinstance(each, Started)]
        assert found == [
            (run_id(6), True, True),
            (run_id(7), True, False),
            (run_id(1), False, False),
            (run_id(8), False, False),
        ]
        ended, released, waiting = [await record_of(world, number) for number in (1, 3, 7)]
        assert (ended.status, ended.owner, ended.length, ended.ended_at_ms) == ("completed", None, 3, outcomes[0].at_ms)
        assert (released.status, released.owner, released.wake_at_ms) == ("running", None, 5)
        assert (waiting.status, waiting.owner, waiting.wake_at_ms, waiting.length) == ("pending", None, 9, 1)
        assert [each.type for each in (await log_of(world, 6)).rows] == ["run_created", "run_started"]
        assert [each.type for each in (await log_of(world, 7)).rows] == ["run_created"]


async def test_an_end_among_others_closes_its_hooks_and_streams(url: str) -> None:
    async with opened(url) as world:
        for number in (1, 2):
            await born(world, number)
            hooked = append_to(number, rows=(row("hook_created", key="h"),), hooks=(hook_of("h", f"t{number}"),))
            await do(world, hooked)
            await do(world, append_to(number, 4, rows=(), chunks=(chunks_of(number, "", b"a"),)))
        await world.commit([append_to(number, 4, status="completed") for number in (1, 2)])
        assert not await world.hooks.list(HookFilter())
        streams = [*await world.streams.list(run_id(1)), *await world.streams.list(run_id(2))]
        assert [stream.closed for stream in streams] == [True, True]


def test_an_empty_commit() -> None:
    assert outcomes_of([], {"now": 5, "told": []}) == []
    assert all(not argument or argument in ("[]", "{}") for argument in arguments([]))


def test_outcomes_are_in_the_order_of_operations() -> None:
    operations: list[Operation] = [append_to(1), Send(letter=letter_to(2)), append_to(3, due_ms=9)]
    told = [{"op": 3, "refused": "EARLY"}, {"op": 2, "sent": "sent", "mail": 7}]
    assert outcomes_of(operations, {"now": 5, "told": told}) == [
        Appended(at_ms=5, mail=0),
        Sent(mail=7),
        Refused(refusal=Refusal.EARLY, now_ms=5),
    ]


@pytest.mark.parametrize(
    ("operation", "outcome", "does"),
    [
        (start_of(), Started(run_id=run_id(1), created=True, owned=False, at_ms=1), True),
        (start_of(), Started(run_id=run_id(1), created=True, owned=True, at_ms=1), False),
        (start_of(), Started(run_id=run_id(1), created=False, owned=False, at_ms=1), False),
        (append_to(), Appended(at_ms=1, mail=0), False),
        (append_to(seize=True), Appended(at_ms=1, mail=0), True),
        (append_to(seize=True), Refused(refusal=Refusal.FENCED), False),
        (append_to(letters=(letter_to(),)), Appended(at_ms=1, mail=0), True),
        (append_to(letters=(letter_to(), letter_to(2))), Appended(at_ms=1, mail=0, near=(run_id(2),)), True),
        (append_to(letters=(letter_to(2),)), Appended(at_ms=1, mail=0, near=(run_id(2),)), False),
        (append_to(children=(start_of(2),)), Appended(at_ms=1, mail=0), True),
        (append_to(children=(start_of(2),)), Appended(at_ms=1, mail=0, born=(run_id(2),)), False),
        (Send(letter=letter_to()), Sent(), True),
        (Send(letter=letter_to(), owner=ONE), Sent(), True),
        (Send(letter=letter_to(), owner=ONE), Sent(mail=2), False),
        (Send(letter=letter_to()), Refused(refusal=Refusal.ENDED), False),
    ],
)
def test_what_stirs(operation: Operation, outcome: Appended | Started | Sent | Refused, does: bool) -> None:
    assert stirs(operation, outcome) is does


def test_what_is_news() -> None:
    assert [is_news(each) for each in (append_to(), append_to(status="running"), start_of())] == [False] * 3
    news = (append_to(status="failed"), append_to(status="blocked"), append_to(release=True))
    assert all(is_news(each) for each in (*news, append_to(chunks=(chunks_of(),))))


async def test_a_plain_append_that_meets_mail_still_goes(url: str) -> None:
    async with opened(url) as world:
        for number in (1, 2):
            await born(world, number)
        await do(world, Send(letter=letter_to(1)))
        outcomes = await world.commit([append_to(1), append_to(2), append_to(3), append_to(2, 3, rows=())])
        assert [getattr(outcome, "mail", None) for outcome in outcomes[:2]] == [1, 0]
        assert outcomes[2:] == [Refused(refusal=Refusal.UNKNOWN), Refused(refusal=Refusal.PLACE)]
        assert (await record_of(world, 1)).length == (await record_of(world, 2)).length == 3


async def test_it_is_durable_whatever_the_role_says(url: str) -> None:
    """synchronous_commit is a setting of role, database and session."""
    async with opened(url), database(url) as connection:
        await connection.execute("SET synchronous_commit = off")
        nothing = "'{}', " * 19
        for call in (f"commit_all(NULL, {nothing} '[]', '{{}}')", "claim(NULL, 'w', '{}', '', 1, 2)"):
            async with connection.transaction():
                await connection.fetch(f"SELECT {call}")
                assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "off"


async def test_the_hot_path_scans_nothing(url: str) -> None:
    """However few rows there are: the plan of a moment is kept while they become many."""
    async with opened(url) as world:
        for number in range(1, 4):
            await born(world, number)
        before = await scans(url)
        await busy(world)
        after = await scans(url)
        assert [table for table in after if table != "workers" and after[table] != before[table]] == []
        assert {"runs", "events", "inbox", "hooks", "streams", "chunks", "labels", "errands"} <= set(after)


@pytest.mark.parametrize("analyze", ["SELECT", "ANALYZE runs", "VACUUM ANALYZE runs"])
async def test_runs_are_found_by_their_ids(analyze: str, url: str) -> None:
    """Though the planner believes that nobody owns anything, so that going by owners would be short."""
    async with opened(url) as world, database(url) as connection:
        await world.commit([start_of(number) for number in range(100, 1100)])
        await connection.execute(analyze)
        await beat(world)
        await world.commit([start_of(number, owner=ONE) for number in range(1, 100)])
        operations = [append_to(number) for number in range(1, 20)]
        operations += [append_to(number, status="completed") for number in range(20, 40)]
        async with connection.transaction():
            before = await rows_read(connection)
            await connection.fetch(qualified(COMMIT, location_of(url).schema), None, *arguments(operations))
            assert await rows_read(connection) - before <= 2 * len(operations)


async def rows_read(connection: asyncpg.Connection) -> int:
    """Of runs, by this transaction."""
    sql = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relid = 'runs'::regclass"
    return await connection.fetchval(sql)


async def busy(world: PostgresWorld) -> None:
    """Some of everything."""
    hooked = append_to(1, rows=(row("hook_created"),), hooks=(hook_of(),), chunks=(chunks_of(1, "", b"a"),))
    assert isinstance(await do(world, hooked), Appended)
    assert await do(world, send_to(1, "m")) == Sent()
    await world.commit([append_to(2), append_to(3), start_of(4, owner=ONE), start_of(5), Send(letter=letter_to(5))])
    await beat(world, WorkerId("wrkr_2"))
    assert len(await world.claim(Claim(worker_id=WorkerId("wrkr_2"), workflows=(FLOW, "x"), limit=5))) == 1
    ending = append_to(1, 4, mail_taken=("m",), status="completed", letters=(letter_to(2),), children=(start_of(6),))
    assert isinstance(await do(world, ending), Appended)


async def scans(url: str) -> dict[str, int]:
    """Sequential scans so far, once the statistics have come in."""
    async with database(url) as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        rows = await connection.fetch(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = current_schema() "
            "AND relname <> 'perdure_versions'"
        )
        return {row["relname"]: row["seq_scan"] for row in rows}


async def test_two_workers_in_each_others_way(url: str) -> None:
    """The same starts in opposite orders: a deadlock that the server breaks, and one of the two does again."""
    async with opened(url) as one, opened(url) as other:
        starts: list[Start] = [start_of(number, idempotency_key=f"k{number}") for number in range(1, 31)]
        ways = await asyncio.gather(one.commit(starts), other.commit(starts[::-1]))
        made = [outcome.run_id for way in ways for outcome in way if isinstance(outcome, Started) and outcome.created]
        assert sorted(made) == [start.run_id for start in starts]


async def test_one_of_many_gets_a_token(url: str) -> None:
    async with opened(url) as one, opened(url) as other:
        for number in range(1, 9):
            await born(one, number)
        asked: list[Append] = [
            append_to(number, rows=(row("hook_created", key="h"),), hooks=(hook_of("h"),)) for number in range(1, 9)
        ]
        outcomes = await asyncio.gather(*(world.commit([each]) for each in asked for world in (one, other)))
        done = [outcome for [outcome] in outcomes if isinstance(outcome, Appended)]
        assert len(done) == 8
        [winner] = [number for number in range(1, 9) if (await log_of(one, number)).rows[2].type == "hook_created"]
        assert [outcome.conflicts for outcome in done if outcome.conflicts] == [{0: run_id(winner)}] * 7
