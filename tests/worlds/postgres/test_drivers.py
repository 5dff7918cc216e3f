"""Runs started and payloads sent from SQL, in the caller's own transaction."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy
from psycopg import errors
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session

from perdure import (
    HookNotFound,
    PayloadConflict,
    StartConflict,
    StartOptions,
    close,
    configure,
    get_hook,
    get_run,
    list_runs,
    resume_hook,
    worker,
)
from perdure.api.connect import upgrade_at
from perdure.api.launch import launch
from perdure.engine.engine import Engine
from perdure.engine.registry import Registry
from perdure.model.ids import RunId, answer_id, is_run_id, token_hash, ulid
from perdure.testing.conformance.sample import (
    append_to,
    born,
    done,
    hook_of,
    mail_of,
    record_of,
    registering,
    row,
    run_id,
)
from perdure.world import HookClosing
from perdure.worlds.postgres import PostgresWorld
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.notice import channel_of
from tests.worlds.postgres.drivers import HERE, Desk, desk
from tests.worlds.postgres.opened import opened

pytestmark = pytest.mark.anyio

PATIENCE_S = 60
ORDER = {"order": {"id": "o-1", "placed_at": "2026-01-31T08:30:00Z", "lines": ["tea", "milk"]}, "copies": 2}


@pytest.fixture
def there(url: str) -> str:
    """The World's URL; its schema is there."""
    upgrade_at(url)
    return url


@pytest.fixture
def mine(there: str) -> Iterator[Desk]:
    with desk(there) as made:
        yield made


@asynccontextmanager
async def working(url: str) -> AsyncIterator[None]:
    configure(world=url, work=False)
    try:
        async with asyncio.timeout(PATIENCE_S), worker():
            yield
    finally:
        await close()


async def result(run: str) -> Any:
    return await get_run(run).result()


# -- starting


async def test_a_commit_starts_the_run_with_typed_arguments(there: str, mine: Desk) -> None:
    by_name = mine.start_run(f"{HERE}:fulfil", ORDER)
    by_position = mine.start_run(f"{HERE}:fulfil", [ORDER["order"]])
    async with opened(there) as world:
        assert await world.read_run(RunId(by_name)) is None, "nobody sees it before the commit"
    mine.connection.commit()
    async with working(there):
        assert await result(by_name) == "o-1 of 2026 x 2: tea, milk"
        assert await result(by_position) == "o-1 of 2026 x 1: tea, milk"


async def test_it_is_a_pending_run_as_any_other(there: str, mine: Desk) -> None:
    run = mine.start_run("shop:fulfil", {"order": "o-1"}, "key", attributes={"customer": "c-1"})
    mine.connection.commit()
    assert is_run_id(run)
    async with opened(there) as world:
        record = await world.read_run(RunId(run))
        assert record is not None
        assert (record.status, record.owner, record.epoch, record.length, record.mail) == ("pending", None, 0, 1, 0)
        assert (record.idempotency_key, record.attributes) == ("key", {"customer": "c-1"})
        assert record.wake_at_ms == record.created_at_ms
        assert abs(record.created_at_ms - time.time() * 1000) < PATIENCE_S * 1000
        assert run[5:15] == ulid(record.created_at_ms, bytes(10))[:10]
    assert mine.count("errands") == 0


async def test_a_rollback_leaves_nothing(there: str, mine: Desk) -> None:
    mine.start_run("shop:fulfil", {}, "key")
    mine.connection.rollback()
    assert [mine.count(table) for table in ("runs", "events", "errands")] == [0, 0, 0]
    assert is_run_id(mine.start_run("shop:restock", {}, "key")), "and its key is free"


async def test_savepoints(there: str, mine: Desk) -> None:
    with mine.connection.transaction():
        kept = mine.start_run("shop:fulfil", {}, "a")
        with mine.connection.transaction(force_rollback=True):
            mine.start_run("shop:fulfil", {}, "b")
        with mine.connection.transaction():
            kept_too = mine.start_run("shop:restock", {}, "b")
    async with opened(there) as world:
        found = [await world.find_run(key) for key in ("a", "b")]
        assert [record and record.run_id for record in found] == [kept, kept_too]


async def test_no_arguments_and_a_delay(there: str, mine: Desk) -> None:
    run = mine.start_run("shop:fulfil", delay=timedelta(minutes=10))
    mine.start_run("shop:restock", None, delay=timedelta(0), attributes=None)
    mine.connection.commit()
    async with opened(there) as world:
        record = await world.read_run(RunId(run))
        assert record is not None
        assert record.wake_at_ms == record.created_at_ms + 600_000
        log = await world.read_log(RunId(run))
        assert log is not None
        assert log.rows[0].payload == b'{"workflow":"shop:fulfil","input":{},"due_ms":%d}' % record.wake_at_ms
        assert await world.next_due_ms(("shop:fulfil",)) == record.wake_at_ms


async def test_an_id_of_ones_own(mine: Desk) -> None:
    own = f"wrun_{ulid(5, bytes(10))}"
    assert mine.start_run("shop:fulfil", {"n": 1}, run_id=own) == own
    assert mine.start_run("shop:fulfil", {"n": 1}, run_id=own) == own, "a second try is harmless"
    with pytest.raises(errors.UniqueViolation, match=f"the id belongs to run {own} with other arguments"):
        mine.start_run("shop:fulfil", {"n": 2}, run_id=own)


# -- keys


async def test_a_key_gives_the_same_run(there: str, mine: Desk) -> None:
    first = mine.start_run("shop:fulfil", {"b": 1, "a": {"y": 1.5, "x": None}}, "key")
    assert mine.start_run("shop:fulfil", {"a": {"x": None, "y": 1.5}, "b": 1}, "key") == first
    mine.connection.commit()
    with desk(there) as other:
        assert other.start_run("shop:fulfil", {"b": 1, "a": {"y": 1.5, "x": None}}, "key") == first
    assert mine.count("runs") == 1


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (("shop:restock", {"n": 1}), "of another workflow, shop:fulfil: choose another key"),
        (("shop:fulfil", {"n": 2}), "with other arguments: choose another key, or give the same arguments"),
        (("shop:fulfil", [1]), "with other arguments: choose another key, or give the same arguments"),
    ],
)
async def test_a_key_belongs_to_one_start(mine: Desk, start: tuple[Any, ...], sentence: str) -> None:
    first = mine.start_run("shop:fulfil", {"n": 1}, "key")
    with pytest.raises(errors.UniqueViolation) as caught, mine.connection.transaction():
        mine.start_run(*start, "key")
    assert caught.value.diag.message_primary == f"the idempotency key belongs to run {first} {sentence}"
    assert caught.value.diag.message_detail == first


async def test_keys_are_those_of_python(there: str, mine: Desk) -> None:
    options = StartOptions(idempotency_key="from python")
    async with opened(there) as world:
        engine = Engine(world, Registry())
        first = await launch(engine, "shop:fulfil", b'{"a":"\xc3\xa9","b":[1]}', options)
        assert mine.start_run("shop:fulfil", {"b": [1], "a": "é"}, "from python") == first
        with pytest.raises(errors.UniqueViolation), mine.connection.transaction():
            mine.start_run("shop:fulfil", {"b": [1.5], "a": "é"}, "from python")

        ours = mine.start_run("shop:fulfil", {"a": "é", "b": [1]}, "from SQL")
        mine.connection.commit()
        same = StartOptions(idempotency_key="from SQL")
        assert await launch(engine, "shop:fulfil", b'{"b":[1],"a":"\xc3\xa9"}', same) == ours
        with pytest.raises(StartConflict, match=f"{ours} with other arguments"):
            await launch(engine, "shop:fulfil", b'{"b":[true],"a":"\xc3\xa9"}', same)
        await engine.close()


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b'{"workflow":"shop:fulfil","input":{"a":"\\u0000"}}', "with other arguments"),
        (b"\x01compressed", "whose arguments are compressed or encrypted, and can't be compared here"),
    ],
)
async def test_arguments_that_sql_cannot_read(there: str, mine: Desk, payload: bytes, sentence: str) -> None:
    async with opened(there) as world:
        await born(world, created=payload, idempotency_key="key")
    with pytest.raises(errors.UniqueViolation, match=sentence):
        mine.start_run("shop:fulfil", {"a": ""}, "key")


async def test_who_comes_second_waits_for_the_first(there: str, mine: Desk) -> None:
    """Both find one run; where the first rolls back, the second has it."""
    for ends, is_same in ((mine.connection.commit, True), (mine.connection.rollback, False)):
        key = uuid4().hex
        first = mine.start_run("shop:fulfil", {}, key)
        with ThreadPoolExecutor(1) as thread, desk(there) as other:
            second = thread.submit(other.start_run, "shop:fulfil", {}, key)
            await asyncio.to_thread(waits_for_a_lock, there)
            ends()
            assert (second.result(PATIENCE_S) == first) is is_same


def waits_for_a_lock(url: str) -> None:
    asked = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE %s"
    give_up_at = time.monotonic() + PATIENCE_S
    with desk(url, autocommit=True) as other:
        while not other.one(asked, f'%"{location_of(url).schema}"%'):
            assert time.monotonic() < give_up_at


# -- what is refused


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"arguments": Jsonb("o-1")}, "the arguments are a JSON string: give an object by name"),
        ({"arguments": Jsonb(7)}, "the arguments are a JSON number: give an object by name"),
        ({"arguments": Jsonb(None)}, "the arguments are a JSON null: give an object by name"),
        ({"arguments": "[1e400]"}, "arguments can't be recorded: a number in it is beyond every float"),
        ({"arguments": '{"a": {"b": -1e309}}'}, "arguments can't be recorded: a number in it is beyond every float"),
        ({"arguments": "[" * 250 + "]" * 250}, "arguments can't be recorded: it is nested more than 200 levels deep"),
        ({"arguments": '{"$":' * 250 + "1" + "}" * 250}, "nested more than 200 levels deep"),
        ({"arguments": {"a": "x" * 2**24}}, "arguments can't be recorded: it takes more than 16 MiB"),
        ({"workflow": ""}, "no workflow is named: give its name, such as app.orders:fulfil"),
        ({"workflow": None}, "no workflow is named: give its name, such as app.orders:fulfil"),
        ({"run_id": "wrun_1"}, "'wrun_1' is not a run's id: one looks like wrun_ and 26 letters and digits"),
        ({"run_id": "wrun_" + "U" * 26}, "is not a run's id"),
        ({"delay": timedelta(seconds=-1)}, "the delay -1 days +23:59:59 is negative"),
        ({"delay": timedelta(days=36_601)}, "the delay 36601 days is longer than a hundred years"),
        ({"attributes": ["a"]}, "the attributes are a JSON array: give an object of texts"),
        ({"attributes": {"a": 1}}, "the attribute 'a' can't be set: its value is a JSON number, not a text"),
        ({"attributes": {"a": None}}, "the attribute 'a' can't be set: its value is a JSON null, not a text"),
        ({"attributes": {"": "x"}}, "the attribute '' can't be set: its key has no character"),
        ({"attributes": {"k" * 257: "x"}}, "its key has 257 characters, 256 are allowed"),
        ({"attributes": {"a": "é" * 129}}, "the attribute 'a' can't be set: its value is longer than 256 bytes"),
        ({"attributes": {f"a{n:02}": "x" for n in range(65)}}, "there are more of them than the 64 that are allowed"),
    ],
)
async def test_a_start_that_cannot_be_recorded(mine: Desk, given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(errors.InvalidParameterValue, match=re.escape(sentence)), mine.connection.transaction():
        mine.start_run(**{"workflow": "shop:fulfil", **given})
    assert [mine.count(table) for table in ("runs", "events", "errands")] == [0, 0, 0]


@pytest.mark.parametrize("arguments", ['{"a": "\\u0000"}', '{"a": "\\ud800"}', "{a: 1}", ""])
async def test_what_is_no_jsonb_never_arrives(mine: Desk, arguments: str) -> None:
    with pytest.raises(psycopg.DataError):
        mine.start_run("shop:fulfil", arguments)


# -- odd values

ODD: list[Any] = [
    {"$": "dt", "v": "2026-01-31T00:00:00"},
    {"deep": [{"$": "obj", "type": "os:system", "v": {"$": 1}}, {"$": []}], "text": 'a "$" in it'},
    "\x01\x01\x02 \x7f é \U0001f600 \u2028 \\u0000 '; DROP TABLE runs; --",
    [1, 1.0, -0.5, 2**70, -(2**63), 1e-7, True, None, "", {}, []],
    "x" * 3_000_000,
]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
async def test_plain_json_is_never_read_as_tagged(there: str, mine: Desk, value: Any) -> None:
    runs = [mine.start_run(f"{HERE}:echo", given) for given in ({"value": value}, [value])]
    mine.connection.commit()
    async with working(there):
        for run in runs:
            assert repr(await result(run)) == repr(value)


async def test_an_argument_may_be_called_anything(there: str, mine: Desk) -> None:
    run = mine.start_run("shop:fulfil", {"$": {"$": 1}})
    mine.connection.commit()
    async with opened(there) as world:
        log = await world.read_log(RunId(run))
        assert log is not None
        assert log.rows[0].payload == b'{"workflow":"shop:fulfil","input":{"$": {"$": "map", "v": [["$", 1]]}}}'


async def test_texts_agree_with_those_of_python(there: str, mine: Desk) -> None:
    odd = "a\x01b\x01\x02 é \U0001f600 ' \" \\"
    run = mine.start_run(odd, {odd: odd}, odd, attributes={odd: odd})
    mine.connection.commit()
    async with opened(there) as world:
        record = await world.find_run(odd)
        assert record is not None
        assert (record.run_id, record.workflow, record.attributes) == (run, odd, {odd: odd})
        assert await world.next_due_ms((odd,)) == record.wake_at_ms
    assert mine.start_run(odd, {odd: odd}, odd) == run


async def test_ids_and_hashes_are_those_of_python(mine: Desk) -> None:
    mine.run(f'SET search_path = "{mine.schema}"')
    token, key, run = "approval:é\x01\n", "key\n\x01", run_id(7)
    assert mine.one("SELECT token_hash(%s)", token) == token_hash(token)
    assert mine.one("SELECT answer_id(%s, 'hash', %s)", run, key) == answer_id(run, "hash", key)
    random = bytes(range(251, 256)) + bytes(range(5))
    assert mine.one("SELECT crockford(%s::bytea)", random) == ulid(0, random)[10:]
    for at_ms in (0, 1, 31, 32, 1_469_918_176_385, 2**48 - 1):
        assert mine.one("SELECT crockford(%s::bigint, 10)", at_ms) == ulid(at_ms, bytes(10))[:10]
    assert mine.one("SELECT count(DISTINCT ulid(5)) FROM generate_series(1, 1000)") == 1000


# -- sending


async def hooked(world: PostgresWorld, number: int = 1, **changes: Any) -> str:
    """A run of `ONE` that waits; the token of its hook."""
    token = f"approval:{number}"
    await born(world, number)
    await done(world, registering(number, 3, hook_of(token_hash=token_hash(token), **changes)))
    return token


async def payloads_of(world: PostgresWorld, number: int = 1) -> list[bytes]:
    found = await world.read_mail(run_id(number))
    return [re.sub(rb'"sent_ms":[0-9]+', b'"sent_ms":0', letter.payload) for letter in found]


async def test_a_commit_delivers_the_payload(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        before = world.now_ms()
        assert mine.send(token, {"approved": True}) == run_id(1)
        assert await mail_of(world) == [], "nobody sees it before the commit"
        mine.connection.commit()
        [letter] = await world.read_mail(run_id(1))
        assert (letter.kind, letter.key) == ("hook_received", "0/hook#0")
        assert re.fullmatch("mail_[0-9A-HJKMNP-TV-Z]{26}", letter.mail_id)
        assert await payloads_of(world) == [b'{"payload":{"approved": true},"sent_ms":0}']
        [sent_ms] = map(int, re.findall(rb'"sent_ms":([0-9]+)', letter.payload))
        assert before - 1000 < sent_ms < before + PATIENCE_S * 1000
        assert (await record_of(world)).mail == 1
        assert mine.count("errands") == 0


async def test_a_rollback_delivers_nothing(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        mine.send(token, Jsonb(1))
        mine.connection.rollback()
        with mine.connection.transaction():
            mine.send(token, Jsonb(2))
            with mine.connection.transaction(force_rollback=True):
                mine.send(token, Jsonb(3))
            with mine.connection.transaction():
                mine.send(token, Jsonb(4))
        assert [payload[:12] for payload in await payloads_of(world)] == [b'{"payload":2', b'{"payload":4']
        assert ((await record_of(world)).mail, mine.count("errands")) == (2, 0)


async def test_payloads_come_in_order_and_are_typed(there: str, mine: Desk) -> None:
    async with working(there):
        run = mine.start_run(f"{HERE}:gather", ["token:1", 4])
        approval = mine.start_run(f"{HERE}:approve", ["o-1"])
        mine.connection.commit()
        await open_hook("token:1")
        await open_hook("approval:o-1")
        tagged = {"$": "dt", "v": "2026-01-31T00:00:00"}
        for payload in (Jsonb(1), None, tagged, Jsonb("\x01\U0001f600")):
            mine.send("token:1", payload)
        mine.send("approval:o-1", {"approved": "perhaps"})
        mine.send("approval:o-1", {"approved": True, "at": "2026-01-31T08:30:00Z"})
        mine.connection.commit()
        assert await result(run) == [1, None, tagged, "\x01\U0001f600"]
        assert await result(approval) == "True in 2026"
        received = [event async for event in get_run(approval).events() if event.type == "hook_received"]
        assert ["rejected" in event.data for event in received] == [True, False]


async def open_hook(token: str) -> None:
    while True:
        try:
            await get_hook(token)
        except HookNotFound:
            await asyncio.sleep(0)
        else:
            return


async def test_no_hook(there: str, mine: Desk) -> None:
    sentence = "no hook takes a payload under this token: it is unknown, disposed or expired, or its run has ended"
    async with opened(there) as world:
        closed = await hooked(world, 1)
        await closes(world)
        expired = await hooked(world, 2, expires_at_ms=world.now_ms() - 1)
        ended = await hooked(world, 3)
        await done(world, append_to(3, 4, status="completed"))
        for token in (closed, expired, ended, "unknown", "", None, "x" * 100_000):
            with pytest.raises(errors.NoDataFound) as caught:  # at once, not only at the commit
                mine.send(token, Jsonb(1))
            mine.connection.rollback()
            assert (caught.value.sqlstate, caught.value.diag.message_primary) == ("P0002", sentence)


async def test_a_webhook_takes_requests_alone(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world, webhook=True)
    with pytest.raises(
        errors.InvalidParameterValue, match="this token is a webhook's, which takes HTTP requests alone"
    ):
        mine.send(token, {"method": "POST"})


@pytest.mark.parametrize(
    "payload", ["[1e400]", "[" * 203 + "]" * 203, Jsonb("x" * 2**24)], ids=["number", "deep", "large"]
)
async def test_a_payload_that_cannot_be_recorded(there: str, mine: Desk, payload: Any) -> None:
    async with opened(there) as world:
        token = await hooked(world)
    with pytest.raises(errors.InvalidParameterValue, match="payload can't be recorded: "):
        mine.send(token, payload)


async def closes(world: PostgresWorld) -> None:
    await done(world, registering(1, 4, rows=(), hooks=(HookClosing(key="0/hook#0"),)))


async def ends(world: PostgresWorld) -> None:
    await done(world, append_to(1, 4, status="failed"))


@pytest.mark.parametrize("meanwhile", [closes, ends])
async def test_a_run_that_ends_meanwhile_undoes_the_transaction(
    meanwhile: Callable[[PostgresWorld], Any], there: str, mine: Desk
) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        other = await hooked(world, 2)
        mine.start_run("shop:fulfil", {}, "of the same transaction")
        mine.send(other, Jsonb(1))
        mine.send(token, Jsonb(1))
        await meanwhile(world)
        with pytest.raises(errors.NoDataFound, match="no hook takes a payload under this token"):
            mine.connection.commit()
        assert await world.find_run("of the same transaction") is None
        assert (await mail_of(world, 1), await mail_of(world, 2)) == ([], [])
        assert ((await record_of(world, 2)).mail, mine.count("errands")) == (0, 0)


async def test_an_open_transaction_hinders_nobody(there: str, mine: Desk) -> None:
    """Its run goes on meanwhile, and with it all that its worker commits."""
    async with opened(there) as world:
        token = await hooked(world)
        mine.send(token, Jsonb(1))
        async with asyncio.timeout(PATIENCE_S / 2):
            await done(world, append_to(1, 4))
            await done(world, append_to(1, 5, status="running"))
        mine.connection.commit()
        assert len(await mail_of(world)) == 1


async def test_crossing_transactions_both_commit(there: str, mine: Desk) -> None:
    """Each sends to both runs, in the other's order: their locks are taken in one."""
    async with opened(there) as world:
        tokens = [await hooked(world, number) for number in (1, 2)]
        with desk(there) as other:
            for _ in range(20):
                for each, order in ((mine, tokens), (other, tokens[::-1])):
                    for token in order:
                        each.send(token, Jsonb(1))
                await asyncio.gather(*(asyncio.to_thread(each.connection.commit) for each in (mine, other)))
        assert [len(await mail_of(world, number)) for number in (1, 2)] == [40, 40]


async def test_a_key_sends_once(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        for _ in range(2):
            for _ in range(2):
                assert mine.send(token, {"a": 1, "b": [2]}, "key") == run_id(1)
            mine.connection.commit()
        [mail] = await mail_of(world)
        assert mail == answer_id(run_id(1), token_hash(token), "key")
        with pytest.raises(errors.UniqueViolation, match="the idempotency key was used with another payload"):
            mine.send(token, {"a": 1}, "key")
        mine.connection.rollback()

        [letter] = await world.read_mail(run_id(1))
        taken = row("hook_received", key=letter.key, payload=letter.payload, mail_id=letter.mail_id)
        await done(world, append_to(1, 4, rows=(taken,), mail_taken=(letter.mail_id,), status="completed"))
        assert mine.send(token, {"b": [2], "a": 1}, "key") == run_id(1), "also after the end"
        mine.connection.commit()
        with pytest.raises(errors.NoDataFound):
            mine.send(token, Jsonb(1), "another key")
        assert (await record_of(world)).mail == 0


async def test_another_payload_under_a_key_is_found_at_the_commit(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        with desk(there) as other:
            mine.send(token, Jsonb(1), "key")
            other.send(token, Jsonb(2), "key")
            other.connection.commit()
        with pytest.raises(errors.UniqueViolation, match="the idempotency key was used with another payload"):
            mine.connection.commit()
        assert [payload[:12] for payload in await payloads_of(world)] == [b'{"payload":2']


async def test_keys_of_sends_are_those_of_python(there: str, mine: Desk) -> None:
    async with working(there):
        run = mine.start_run(f"{HERE}:gather", ["token:2", 2])
        mine.connection.commit()
        await open_hook("token:2")
        await resume_hook("token:2", {"n": 1}, idempotency_key="key")
        mine.send("token:2", {"n": 1}, "key")
        mine.send("token:2", {"n": 2}, "key of SQL")
        mine.connection.commit()
        await resume_hook("token:2", {"n": 2}, idempotency_key="key of SQL")
        with pytest.raises(PayloadConflict):
            await resume_hook("token:2", {"n": 3}, idempotency_key="key of SQL")
        assert await result(run) == [{"n": 1}, {"n": 2}]


async def test_a_letter_that_sql_cannot_read_is_believed(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        mail = answer_id(run_id(1), token_hash(token), "key")
        await done(world, append_to(1, 4, rows=(row("hook_received", payload=b"\x01encrypted", mail_id=mail),)))
        assert mine.send(token, Jsonb(1), "key") == run_id(1)
        mine.connection.commit()
        assert await mail_of(world) == []


# -- transactions of every kind


async def test_autocommit(there: str) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        with desk(there, autocommit=True) as mine:
            assert is_run_id(mine.start_run("shop:fulfil"))
            mine.send(token, Jsonb(1))
        assert len(await mail_of(world)) == 1


@pytest.mark.parametrize("level", [psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE])
async def test_stricter_isolation(level: psycopg.IsolationLevel, there: str, mine: Desk) -> None:
    """What moved meanwhile is a serialization failure, as with any other row: the caller tries again."""
    mine.connection.isolation_level = level
    async with opened(there) as world:
        token = await hooked(world)
        mine.start_run("shop:fulfil", {}, "key")
        mine.send(token, Jsonb(1))
        await done(world, append_to(1, 4))
        with pytest.raises(errors.SerializationFailure):
            mine.connection.commit()
        first = mine.start_run("shop:fulfil", {}, "key")
        mine.send(token, Jsonb(1))
        mine.connection.commit()
        assert await world.find_run("key") == await world.read_run(RunId(first))
        assert len(await mail_of(world)) == 1


async def test_constraints_that_are_checked_at_once(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
        mine.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        mine.start_run("shop:fulfil")
        mine.send(token, Jsonb(1))
        mine.connection.commit()
        assert len(await mail_of(world)) == 1


async def test_what_it_acknowledges_is_durable(there: str, mine: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
    for call in (lambda: mine.start_run("shop:fulfil"), lambda: mine.send(token)):
        mine.connection.execute("SET LOCAL synchronous_commit = off")
        call()
        assert mine.one("SHOW synchronous_commit") == "on"
        mine.connection.rollback()


# -- who may


@pytest.fixture
def role(there: str) -> Iterator[str]:
    """A role that may look into the schema's names."""
    name = f"r_{uuid4().hex[:16]}"
    with desk(there, autocommit=True) as owner:
        owner.run(f"CREATE ROLE {name}")
        owner.run(f'GRANT USAGE ON SCHEMA "{owner.schema}" TO {name}')
        yield name
        owner.run(f"DROP OWNED BY {name}")
        owner.run(f"DROP ROLE {name}")


async def test_least_grants(there: str, mine: Desk, role: str) -> None:
    async with opened(there) as world:
        token = await hooked(world)
    for call in (lambda: mine.start_run("shop:fulfil"), lambda: mine.send(token)):
        mine.run(f"SET ROLE {role}")
        with pytest.raises(errors.InsufficientPrivilege):
            call()
        mine.connection.rollback()
    mine.run(f'GRANT EXECUTE ON FUNCTION "{mine.schema}".start_run, "{mine.schema}".send TO {role}')
    mine.connection.commit()
    mine.run(f"SET ROLE {role}")
    mine.start_run("shop:fulfil")
    mine.send(token)
    mine.connection.commit()
    with pytest.raises(errors.InsufficientPrivilege):
        mine.count("runs")
    mine.connection.rollback()
    mine.run("RESET ROLE")
    assert (mine.count("runs"), mine.count("inbox")) == (2, 1)


async def test_a_callers_own_names_are_not_looked_at(mine: Desk) -> None:
    for name in ("runs", "events", "errands", "hooks", "inbox"):
        mine.run(f"CREATE TEMP TABLE {name} (run_id text)")
    mine.run("CREATE FUNCTION pg_temp.ulid(bigint) RETURNS text LANGUAGE sql AS $$ SELECT 'mine' $$")
    mine.run("SET search_path = pg_temp, pg_catalog")
    assert is_run_id(mine.start_run("shop:fulfil"))
    mine.connection.commit()
    assert (mine.count("runs"), mine.one("SELECT count(*) FROM runs")) == (1, 0)


# -- hints


@pytest.fixture
def ear(there: str) -> Iterator[Desk]:
    with desk(there, autocommit=True) as made:
        made.run(f"LISTEN {channel_of(made.schema)}")
        yield made


def heard(ear: Desk, patience_s: float = 0) -> int:
    return len([*ear.connection.notifies(timeout=patience_s, stop_after=1)])


async def test_workers_are_told_at_the_commit(there: str, mine: Desk, ear: Desk) -> None:
    async with opened(there) as world:
        token = await hooked(world)
    for call in (lambda: mine.start_run("shop:fulfil"), lambda: mine.send(token)):
        call()
        mine.connection.rollback()
        call()
        assert heard(ear) == 0
        mine.connection.commit()
        assert heard(ear, PATIENCE_S) == 1
    assert heard(ear) == 0


async def test_a_hint_is_left_out_where_another_is_on_its_way(there: str, mine: Desk, ear: Desk) -> None:
    with desk(there) as busy:
        for each in (busy, mine):
            each.run("SET CONSTRAINTS ALL IMMEDIATE")
            each.start_run("shop:fulfil")
        mine.connection.commit()
        assert heard(ear) == 0
        busy.connection.commit()
        assert heard(ear, PATIENCE_S) == 1


# -- SQLAlchemy


async def test_sqlalchemy(there: str) -> None:
    location = location_of(there)
    engine = sqlalchemy.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(location.dsn))
    perdure: Any = getattr(sqlalchemy.func, location.schema)
    orders = sqlalchemy.table("orders", sqlalchemy.column("id"), schema=location.schema)

    def place(session: Session, order: str, key: str | None = None) -> str:
        session.execute(sqlalchemy.insert(orders).values(id=order))
        arguments = sqlalchemy.cast([order], JSONB)
        return session.scalars(sqlalchemy.select(perdure.start_run(f"{HERE}:echo", arguments, key))).one()

    with Session(engine) as session:
        session.execute(sqlalchemy.text(f'CREATE TABLE "{location.schema}".orders (id text PRIMARY KEY)'))
        run = place(session, "o-1", "order:o-1")
        session.commit()
        place(session, "o-2")
        session.rollback()
        with session.begin_nested() as nested:
            place(session, "o-3")
            nested.rollback()
        with pytest.raises(sqlalchemy.exc.IntegrityError) as caught, session.begin_nested():
            place(session, "o-4", "order:o-1")
        assert isinstance(caught.value.orig, errors.UniqueViolation)
        with pytest.raises(sqlalchemy.exc.DataError), session.begin_nested():
            session.execute(sqlalchemy.select(perdure.start_run("shop:fulfil", sqlalchemy.cast(7, JSONB))))
        with pytest.raises(sqlalchemy.exc.DBAPIError) as unknown, session.begin_nested():
            session.execute(sqlalchemy.select(perdure.send("unknown")))
        assert isinstance(unknown.value.orig, errors.NoDataFound)
        session.commit()
        assert session.scalars(sqlalchemy.select(orders.c.id)).all() == ["o-1"]
    engine.dispose()
    async with working(there):
        assert await result(run) == "o-1"
        assert [info.run_id async for info in list_runs()] == [run]
