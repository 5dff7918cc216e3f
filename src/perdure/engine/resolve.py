"""What became of an operation whose answer was lost (L2, M3).

Never a blind second try: log and ownership are read in one snapshot, one's own rows are looked for, and only then the
very same operation is sent again. Starts and letters carry ids that their sender made, so the World itself recognises
a second try of those.
"""

import asyncio
import logging

from perdure.errors import WorldUnavailable
from perdure.world.log import Log
from perdure.world.operation import Append, Appended, Operation, Outcome, Refusal, Refused
from perdure.world.world import World

BACKOFF_S = (0.03, 2.0)
OUT_OF_PLACE_MAX = 3
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
        return Appended(at_ms=log.rows[0].at_ms, mail=log.run.mail)
    if append.seize:
        if log.run.epoch != append.epoch:
            return Refused(refusal=Refusal.FENCED)
    elif log.run.owner != append.owner or log.run.epoch != append.epoch:
        return Refused(refusal=Refusal.FENCED)
    return None


def _is_mine(append: Append, log: Log) -> bool:
    """Whether the rows at the append's place are its own: nobody else writes with its epoch, but this owner may itself
    have tried another append there, which was refused at first and landed late."""
    epoch = append.epoch + 1 if append.seize else append.epoch
    rows = log.rows[: len(append.rows)]
    return len(rows) == len(append.rows) and all(
        (row.epoch, row.turn, row.type, row.key, row.payload) == (epoch, mine.turn, mine.type, mine.key, mine.payload)
        for row, mine in zip(rows, append.rows, strict=True)
    )
