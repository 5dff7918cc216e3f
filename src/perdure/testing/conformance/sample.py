"""Runs, rows, letters, hooks and chunks to check with; each can be changed where a check needs it."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.model.status import Status
from perdure.testing.conformance.clock import VirtualClock
from perdure.world import (
    Append,
    Appended,
    Chunk,
    Claim,
    Claimed,
    HookFilter,
    HookRecord,
    Lease,
    Letter,
    Log,
    NewChunks,
    NewHook,
    NewRow,
    Operation,
    Outcome,
    Refusal,
    Refused,
    RunFilter,
    RunRecord,
    Send,
    Start,
    Started,
    StreamPage,
    World,
)

Check = Callable[[World, VirtualClock], Awaitable[None]]

FLOW = "shop:fulfil"
OTHER_FLOW = "shop:restock"
ONE, TWO = WorkerId("wrkr_1"), WorkerId("wrkr_2")
LEASE_MS = 10_000
ENDS: tuple[Status, ...] = ("completed", "failed", "cancelled")


def run_id(number: int) -> RunId:
    return RunId(f"wrun_{number:026d}")


def start_of(number: int = 1, **changes: Any) -> Start:
    start = Start(run_id=run_id(number), workflow=FLOW, created=b'{"input":{}}', started=b'{"deployment":"d"}')
    return replace(start, **changes)


def row(type: str = "step_completed", **changes: Any) -> NewRow:
    return replace(NewRow(turn=1, type=type, key="0/step:charge#0", payload=b'{"result":1}'), **changes)


def append_to(number: int = 1, seq: int = 3, **changes: Any) -> Append:
    """By `ONE` in epoch 1: fits a run just born by `born`."""
    return replace(Append(run_id=run_id(number), owner=ONE, epoch=1, seq=seq, rows=(row(),)), **changes)


def letter_to(number: int = 1, mail: str = "mail_1", **changes: Any) -> Letter:
    letter = Letter(mail_id=MailId(mail), run_id=run_id(number), kind="wake_requested", key="", payload=b'{"a":1}')
    return replace(letter, **changes)


def hook_of(key: str = "0/hook#0", token_hash: str = "hash", **changes: Any) -> NewHook:
    return replace(NewHook(key=key, token_hash=token_hash, row=0), **changes)


def registering(number: int, seq: int, *hooks: NewHook, **changes: Any) -> Append:
    """An append with a row for each hook, and nothing else."""
    rows = tuple(row("hook_created", key=hook.key, payload=hook.token_hash.encode()) for hook in hooks)
    placed = tuple(replace(hook, row=place) for place, hook in enumerate(hooks))
    return append_to(number, seq, **({"rows": rows, "hooks": placed} | changes))


def send_to(number: int, mail: str, hook: str = "0/hook#0") -> Send:
    return Send(letter=letter_to(number, mail, kind="hook_received", key=hook), hook=hook)


def chunks_of(number: int = 1, stream: str = "", *data: bytes, **changes: Any) -> NewChunks:
    return replace(NewChunks(run_id=run_id(number), stream=stream, data=data), **changes)


def writing(number: int, writes: int, *chunks: NewChunks, seq: int = 3, **changes: Any) -> Append:
    """An append with chunks, and no rows."""
    return append_to(number, seq, **({"rows": (), "chunks": chunks, "writes": writes} | changes))


async def beat(world: World, worker_id: WorkerId = ONE) -> int:
    return await world.beat(
        Lease(worker_id=worker_id, lease_ms=LEASE_MS, process="p", workflows=(FLOW,), deployment="d")
    )


async def do(world: World, operation: Operation) -> Outcome:
    [outcome] = await world.commit([operation])
    return outcome


async def done(world: World, append: Append) -> Appended:
    outcome = await do(world, append)
    assert isinstance(outcome, Appended), outcome
    return outcome


async def sent(world: World, *letters: Letter) -> None:
    await world.commit([Send(letter=letter) for letter in letters])


async def born(world: World, number: int = 1, **changes: Any) -> None:
    """A run that `ONE` owns in epoch 1, with two events; its lease begins anew."""
    await beat(world)
    outcome = await do(world, start_of(number, owner=ONE, **changes))
    assert isinstance(outcome, Started), outcome
    assert outcome.owned, outcome


async def log_of(world: World, number: int = 1) -> Log:
    log = await world.read_log(run_id(number))
    assert log is not None
    return log


async def record_of(world: World, number: int = 1) -> RunRecord:
    record = await world.read_run(run_id(number))
    assert record is not None
    return record


async def mail_of(world: World, number: int = 1) -> list[str]:
    return [letter.mail_id for letter in await world.read_mail(run_id(number))]


async def hook_with(world: World, token_hash: str = "hash") -> HookRecord:
    found = await world.hooks.find(token_hash)
    assert found is not None
    return found.record


async def stream_of(world: World, number: int = 1, stream: str = "") -> StreamPage:
    """The whole of it, page after page."""
    chunks: list[Chunk] = []
    while True:
        page = await world.streams.read(run_id(number), stream, len(chunks), 1000)
        assert page is not None
        if not page.chunks:
            return StreamPage(record=page.record, chunks=tuple(chunks))
        chunks += page.chunks


async def texts_of(world: World, number: int = 1, stream: str = "") -> list[bytes]:
    """What its chunks hold; they are numbered from 0 without gaps, and its row counts them."""
    page = await stream_of(world, number, stream)
    assert [chunk.index for chunk in page.chunks] == list(range(page.record.length))
    return [chunk.data for chunk in page.chunks]


async def refused(world: World, append: Append, refusal: Refusal) -> Refused:
    """The append is refused for this reason, and nothing at all has changed."""
    before = await everything(world)
    outcome = await do(world, append)
    assert isinstance(outcome, Refused), outcome
    assert outcome.refusal is refusal, outcome
    assert await everything(world) == before
    return outcome


async def claim_all(world: World, worker_id: WorkerId = TWO, limit: int = 100) -> list[Claimed]:
    return await world.claim(Claim(worker_id=worker_id, workflows=(FLOW,), limit=limit))


async def everything(world: World) -> list[object]:
    """All runs with their logs, their mail and their streams; and all open hooks."""
    found: list[object] = [await world.hooks.list(HookFilter(limit=10_000))]
    for record in (await world.list_runs(RunFilter(limit=10_000))).runs:
        found.append((await world.read_log(record.run_id), await world.read_mail(record.run_id)))
        for stream in await world.streams.list(record.run_id):
            found.append(await world.streams.read(record.run_id, stream.stream, 0, 1000))
    return found


async def fails(world: World, *operations: Operation) -> None:
    """The commit raises, and nothing of it is written."""
    before = await everything(world)
    try:
        await world.commit(list(operations))
    except Exception:
        assert await everything(world) == before
    else:
        raise AssertionError(f"this should have failed: {operations}")
