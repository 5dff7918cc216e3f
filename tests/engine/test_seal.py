"""Every payload of an operation is sealed for its place; whatever was changed or moved doesn't open."""

import typing
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from perdure.codec.compression import compressed
from perdure.codec.fact import unpack
from perdure.codec.keyring import SEALED, KeyRing
from perdure.engine.log import to_event, to_events
from perdure.engine.seal import open_chunk, open_letter, open_log, open_row, sealed
from perdure.errors import DecodeError, KeyMissing, KeyWrong, NotSealed
from perdure.model.event import HookConflict
from perdure.model.ids import StepId
from perdure.testing.conformance.sample import (
    ONE,
    TWO,
    append_to,
    chunks_of,
    hook_of,
    letter_to,
    registering,
    row,
    run_id,
    start_of,
)
from perdure.world import Append, Chunk, Letter, Log, Row, Send, Start
from perdure.worlds.memory.world import MemoryWorld

pytestmark = pytest.mark.anyio

KEYS = KeyRing({"k": bytes(range(32))})
STRANGER = KeyRing({"other": bytes(range(1, 33))})
CREATED = b'{"workflow":"shop:fulfil","input":{}}'
LETTER = letter_to(2, payload=b'{"payload":1}')
FULL = append_to(
    1,
    seq=3,
    rows=(row(payload=b'{"attempt":1,"result":1}'), row(key="0/step:charge#1", payload=b'{"attempt":1,"result":2}')),
    letters=(LETTER,),
    children=(start_of(3, created=CREATED),),
    chunks=(chunks_of(1, "log", b"[1]", b"[2]", step_id=StepId("step_1"), attempt=2), chunks_of(1, "", close=True)),
)


def payloads_in(value: Any) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, Struct):
        for field in value.__struct_fields__:
            yield from payloads_in(getattr(value, field))
    elif isinstance(value, tuple):
        for item in value:
            yield from payloads_in(item)


def places_of_bytes(kind: type[Struct], found: set[str]) -> set[str]:
    """The fields under this type that hold bytes."""
    for name, hint in typing.get_type_hints(kind).items():
        for part in parts_of(hint):
            if part is bytes:
                found.add(f"{kind.__name__}.{name}")
            elif isinstance(part, type) and issubclass(part, Struct):
                places_of_bytes(part, found)
    return found


def parts_of(hint: Any) -> Iterator[Any]:
    arguments = typing.get_args(hint)
    if not arguments:
        yield hint
    for argument in arguments:
        yield from parts_of(argument)


def test_no_payload_of_an_operation_stays_plain() -> None:
    for operation in (FULL, start_of(1), Send(letter=LETTER, hook="0/hook#0")):
        plain = list(payloads_in(operation))
        kept = list(payloads_in(sealed(operation, KEYS)))
        assert len(kept) == len(plain) > 0
        assert all(payload.startswith(SEALED) for payload in kept)


def test_operations_carry_payloads_nowhere_else() -> None:
    """Whoever adds a field with bytes to an operation seals it, and says so here."""
    fields = {place for kind in (Append, Start, Send) for place in places_of_bytes(kind, set())}
    assert fields == {"NewRow.payload", "Letter.payload", "Start.created", "Start.started", "NewChunks.data"}


def test_the_rest_of_an_operation_stays_as_it_is() -> None:
    kept = sealed(FULL, KEYS)
    assert isinstance(kept, Append)
    empty = {"rows": (), "letters": (), "children": (), "chunks": ()}
    assert replace(kept, **empty) == replace(FULL, **empty)
    assert [replace(each, payload=b"") for each in kept.rows] == [replace(each, payload=b"") for each in FULL.rows]
    assert replace(kept.letters[0], payload=b"") == replace(LETTER, payload=b"")
    assert replace(kept.chunks[0], data=()) == replace(FULL.chunks[0], data=())
    send = sealed(Send(letter=LETTER, hook="0/hook#0"), KEYS)
    assert isinstance(send, Send)
    assert send.hook == "0/hook#0"


async def kept_in_a_world() -> tuple[MemoryWorld, Log]:
    world = MemoryWorld()
    starts = [start_of(number, created=CREATED) for number in (1, 2)]
    await world.commit([sealed(start, KEYS) for start in starts])
    await world.commit([sealed(replace(FULL, seize=True, epoch=0, seq=2), KEYS)])
    log = await world.read_log(run_id(1))
    assert log is not None
    assert len(log.rows) == 3
    return world, log


async def test_what_a_world_keeps_opens_again() -> None:
    world, log = await kept_in_a_world()
    assert [row.payload for row in open_log(log, KEYS).rows] == [CREATED, *(row.payload for row in FULL.rows)]
    assert [event.fact.type for event in to_events(log, KEYS)] == ["run_created", "step_completed", "step_completed"]
    [letter] = await world.read_mail(run_id(2))
    assert open_letter(letter, KEYS) == LETTER
    page = await world.streams.read(run_id(1), "log", 0, 10)
    assert page is not None
    assert [open_chunk(run_id(1), "log", chunk, KEYS).data for chunk in page.chunks] == [b"[1]", b"[2]"]
    child = await world.read_log(run_id(3))
    assert child is not None
    assert to_events(child, KEYS)[0].fact.type == "run_created"


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 3},
        {"turn": 2},
        {"key": "0/step:charge#1"},
        {"key": ""},
        {"type": "step_failed"},
        {"payload": "that of the next row"},
    ],
    ids=repr,
)
async def test_no_moved_row_opens(change: dict[str, Any]) -> None:
    _, log = await kept_in_a_world()
    mine, other = log.rows[1], log.rows[2]
    assert open_row(run_id(1), mine, KEYS).payload == FULL.rows[0].payload
    if "payload" in change:
        change = {"payload": other.payload}
    with pytest.raises(KeyWrong):
        open_row(run_id(1), replace(mine, **change), KEYS)
    with pytest.raises(KeyWrong):
        open_row(run_id(2), mine, KEYS)


@pytest.mark.parametrize(
    "change",
    [{"run_id": run_id(9)}, {"mail_id": "mail_9"}, {"kind": "cancel_requested"}, {"key": "0/hook#1"}],
    ids=repr,
)
async def test_no_moved_letter_opens(change: dict[str, Any]) -> None:
    world, _ = await kept_in_a_world()
    [letter] = await world.read_mail(run_id(2))
    with pytest.raises(KeyWrong) as caught:
        open_letter(replace(letter, **change), KEYS)
    assert caught.value.path == change.get("kind", letter.kind)


@pytest.mark.parametrize("change", [{"step_id": StepId("step_2")}, {"step_id": None}, {"attempt": 1}], ids=repr)
async def test_no_moved_chunk_opens(change: dict[str, Any]) -> None:
    world, _ = await kept_in_a_world()
    page = await world.streams.read(run_id(1), "log", 0, 10)
    assert page is not None
    [chunk, _] = page.chunks
    for run, stream, moved in (
        (run_id(1), "log", replace(chunk, **change)),
        (run_id(2), "log", chunk),
        (run_id(1), "", chunk),
    ):
        with pytest.raises(KeyWrong):
            open_chunk(run, stream, moved, KEYS)


async def test_a_letter_is_no_row_a_row_no_letter_and_neither_a_chunk() -> None:
    """Also where all else is alike."""
    letter = Letter(mail_id="mail_1", run_id=run_id(1), kind="hook_received", key="0/hook#0", payload=b'{"payload":1}')  # type: ignore[arg-type]
    posted = sealed(Send(letter=letter), KEYS)
    assert isinstance(posted, Send)
    line = row("hook_received", key="0/hook#0", payload=b'{"payload":1}')
    appended = sealed(append_to(1, rows=(line,)), KEYS)
    assert isinstance(appended, Append)
    kept = Row(seq=3, turn=1, epoch=1, type=line.type, key=line.key, payload=appended.rows[0].payload, at_ms=1)
    assert to_event(open_row(run_id(1), kept, KEYS))
    for wrong in (
        lambda: open_row(run_id(1), replace(kept, payload=posted.letter.payload), KEYS),
        lambda: open_letter(replace(letter, payload=kept.payload), KEYS),
        lambda: open_chunk(run_id(1), "", chunk_of(kept.payload), KEYS),
        lambda: open_chunk(run_id(1), "", chunk_of(posted.letter.payload), KEYS),
    ):
        with pytest.raises(KeyWrong):
            wrong()


def chunk_of(data: bytes) -> Chunk:
    return Chunk(index=0, data=data, step_id=None, attempt=0)


async def test_a_conflict_that_the_world_made_of_a_hook_opens() -> None:
    world = MemoryWorld()
    created = row("hook_created", key="0/hook#0", payload=b'{"token":"t"}')
    await world.commit([sealed(start_of(number), KEYS) for number in (1, 2)])
    for number in (1, 2):
        hooked = registering(number, 2, hook_of(), rows=(created,), seize=True, epoch=0)
        await world.commit([sealed(hooked, KEYS)])
    log = await world.read_log(run_id(2), 2)
    assert log is not None
    assert log.rows[0].type == HookConflict.type
    fact = to_events(log, KEYS)[0].fact
    assert isinstance(fact, HookConflict)
    assert (fact.hook.token, fact.owner) == ("t", run_id(1))


async def test_without_the_key_each_says_which_it_needs() -> None:
    world, log = await kept_in_a_world()
    [letter] = await world.read_mail(run_id(2))
    page = await world.streams.read(run_id(1), "log", 0, 10)
    assert page is not None
    chunk = page.chunks[0]
    ways: list[Callable[[KeyRing | None], object]] = [
        lambda keys: to_events(log, keys),
        lambda keys: open_letter(letter, keys),
        lambda keys: open_chunk(run_id(1), "log", chunk, keys),
    ]
    for way in ways:
        for keys in (None, STRANGER):
            with pytest.raises(KeyMissing) as caught:
                way(keys)
            assert caught.value.key_id == "k"
    with pytest.raises(KeyMissing):
        unpack(letter.kind, letter.payload)


async def test_what_was_written_without_keys_is_read_unless_only_the_sealed_is() -> None:
    kept = Row(seq=1, turn=0, epoch=1, type="run_created", key="", payload=CREATED, at_ms=1)
    chunk = chunk_of(compressed(b"[" + b"1," * 2000 + b"1]"))
    strict = KeyRing({"k": bytes(range(32))}, sealed_only=True)
    for keys in (None, KEYS):
        assert open_row(run_id(1), kept, keys) is kept
        assert open_letter(LETTER, keys) is LETTER
        assert open_chunk(run_id(1), "", chunk, keys).data == b"[" + b"1," * 2000 + b"1]"
    for way in (
        lambda: open_row(run_id(1), kept, strict),
        lambda: open_letter(LETTER, strict),
        lambda: open_chunk(run_id(1), "", chunk, strict),
    ):
        with pytest.raises(NotSealed):
            way()


async def test_every_changed_byte_of_a_row_fails_closed() -> None:
    """Whatever a byte becomes: it neither opens nor passes for a plain payload."""
    _, log = await kept_in_a_world()
    mine = log.rows[1]
    for position in range(len(mine.payload)):
        for flip in (0x01, 0x80, mine.payload[position] ^ 0x28, mine.payload[position] ^ ord("{")):
            changed = bytearray(mine.payload)
            changed[position] ^= flip
            if bytes(changed) != mine.payload:
                with pytest.raises(DecodeError):
                    to_event(open_row(run_id(1), replace(mine, payload=bytes(changed)), KEYS))


def test_the_owners_matter_to_nobody() -> None:
    """A row opens whoever owned the run then: a take-over changes nothing of what is sealed."""
    one, two = (sealed(replace(FULL, owner=owner), KEYS) for owner in (ONE, TWO))
    assert isinstance(one, Append)
    assert isinstance(two, Append)
    for append in (one, two):
        first = append.rows[0]
        kept = Row(seq=3, turn=1, epoch=9, type=first.type, key=first.key, payload=first.payload, at_ms=1)
        assert open_row(run_id(1), kept, KEYS).payload == FULL.rows[0].payload
