"""What became of an operation whose answer was lost (L2, M3).

Never a blind second try: log and ownership are read in one snapshot, one's own rows are looked for, and only then the
very same operation is sent again. Starts and letters carry ids that their sender made, so the World itself recognises
a second try of those.
"""

import asyncio
import logging
from collections import deque
from typing import NamedTuple

from perdure.errors import WorldUnavailable
from perdure.model.event import HookCreated
from perdure.model.ids import RunId, StepId
from perdure.world.log import Log
from perdure.world.operation import Append, Appended, Operation, Outcome, Refusal, Refused
from perdure.world.stream import NewChunks
from perdure.world.world import World

BACKOFF_S = (0.03, 2.0)
OUT_OF_PLACE_MAX = 3
PAGE = 500
logger = logging.getLogger("perdure")


async def resolve(world: World, operation: Operation) -> Outcome:
    """The operation's outcome, however long the World stays away."""
    wait_s, out_of_place = BACKOFF_S[0], 0
    while True:
        try:
            if isinstance(operation, Append):
                known = await _landed(world, operation)
                if known is not None:
                    return known
            outcome = (await world.commit([operation]))[0]
            if not (isinstance(outcome, Refused) and outcome.refusal is Refusal.PLACE):
                return outcome
            out_of_place += 1  # the first try has landed after the reading: read again
            if out_of_place > OUT_OF_PLACE_MAX:
                return outcome
        except WorldUnavailable as error:
            logger.warning("the world is away, trying again in %.2f s: %s", wait_s, error)
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, BACKOFF_S[1])


async def _landed(world: World, append: Append) -> Outcome | None:
    """The append's outcome if the log tells it, None if it has to be sent again."""
    log = await world.read_log(append.run_id, append.seq)
    if log is None:
        return Refused(refusal=Refusal.UNKNOWN)
    if append.rows and _is_mine(append, log):
        refused = await _refused(world, append)
        return Appended(at_ms=log.rows[0].at_ms, mail=log.run.mail, conflicts=_conflicts(append, log), refused=refused)
    if append.seize:
        if log.run.epoch != append.epoch:
            return Refused(refusal=Refusal.FENCED)
    elif log.run.owner != append.owner or log.run.epoch != append.epoch:
        return Refused(refusal=Refusal.FENCED)
    elif append.chunks and not append.rows and not log.rows and log.run.writes > append.writes:
        return Appended(at_ms=log.run.created_at_ms, mail=log.run.mail, refused=await _refused(world, append))
    return None


def _is_mine(append: Append, log: Log) -> bool:
    """Whether the rows at the append's place are its own: nobody else writes with its epoch, but this owner may itself
    have tried another append there, which was refused at first and landed late."""
    epoch = append.epoch + 1 if append.seize else append.epoch
    rows = log.rows[: len(append.rows)]
    return len(rows) == len(append.rows) and all(
        (row.epoch, row.turn, row.key, row.payload) == (epoch, mine.turn, mine.key, mine.payload)
        and (row.type == mine.type or (row.decided is not None and mine.type == HookCreated.type))
        for row, mine in zip(rows, append.rows, strict=True)
    )


def _conflicts(append: Append, log: Log) -> dict[int, RunId]:
    """What the World decided then."""
    rows = enumerate(log.rows[: len(append.rows)])
    return {place: row.decided for place, row in rows if row.decided is not None}


class _Written(NamedTuple):
    """What one writer has to say to one stream: an append has all of it or nothing there."""

    run_id: RunId
    stream: str
    step_id: StepId | None
    attempt: int


async def _refused(world: World, append: Append) -> tuple[int, ...]:
    """The places of the chunks that their streams refused then."""
    sent: dict[_Written, tuple[bytes, ...]] = {}
    for new in append.chunks:
        sent[_written(new)] = sent.get(_written(new), ()) + new.data
    refused = {written for written, data in sent.items() if data and not await _has(world, written, data)}
    return tuple(place for place, new in enumerate(append.chunks) if new.data and _written(new) in refused)


async def _has(world: World, written: _Written, data: tuple[bytes, ...]) -> bool:
    """Whether the stream has these chunks: one that is open has refused nothing, in another they are its writer's last."""
    last: deque[bytes] = deque(maxlen=len(data))
    index = 0
    while page := await world.streams.read(written.run_id, written.stream, index, PAGE):
        if not page.record.closed:
            return True
        if not page.chunks:
            break
        mine = (written.step_id, written.attempt)
        last.extend(chunk.data for chunk in page.chunks if (chunk.step_id, chunk.attempt) == mine)
        index += len(page.chunks)
    return tuple(last) == data


def _written(new: NewChunks) -> _Written:
    return _Written(new.run_id, new.stream, new.step_id, new.attempt)
