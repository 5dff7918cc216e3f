"""Runs, rows and letters to check with; each can be changed where a check needs it."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.testing.conformance.clock import VirtualClock
from perdure.world import (
    Append,
    Appended,
    Claim,
    Claimed,
    Lease,
    Letter,
    Log,
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
    World,
)

Check = Callable[[World, VirtualClock], Awaitable[None]]

FLOW = "shop:fulfil"
OTHER_FLOW = "shop:restock"
ONE, TWO = WorkerId("wrkr_1"), WorkerId("wrkr_2")
LEASE_MS = 10_000


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
    """All runs with their logs and their mail."""
    found: list[object] = []
    for record in (await world.list_runs(RunFilter(limit=10_000))).runs:
        found.append((await world.read_log(record.run_id), await world.read_mail(record.run_id)))
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
