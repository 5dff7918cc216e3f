"""What a program's step does: it writes to the ledger, takes its time, and fails as the seed says."""

import asyncio
from typing import TypeVar

from perdure.api.stream import Writable
from perdure.codec.trust import register
from perdure.codec.value import encode
from perdure.model.ids import RunId
from perdure.replay.scope import current_attempt
from perdure.testing.simulation.ledger import Written
from perdure.testing.simulation.stage import current_stage

T = TypeVar("T")
FAILING_ATTEMPTS = 5


@register
class Shaken(Exception):
    """A step's attempt failed, for no reason that another attempt would meet again. Workflows can catch it."""


def begin(*told: str) -> int:
    """Write that this step's body begins; how often it has begun by now. `told`: the ids of runs, and tokens, that it
    was given."""
    attempt = current_attempt()
    assert attempt is not None, "only steps have effects"
    return current_stage().begin(attempt, told)


def shaken() -> bool:
    """Whether this attempt is to fail. The sixth never is: a step that is retried often enough succeeds."""
    attempt = current_attempt()
    assert attempt is not None, "only steps fail"
    return attempt.attempt <= FAILING_ATTEMPTS and current_stage().fails()


async def effect(result: T, *told: str) -> T:
    """A step's whole body. Raises: Shaken."""
    begin(*told)
    await linger()
    if shaken():
        raise Shaken(f"{result} in attempt {getattr(current_attempt(), 'attempt', 0)}")
    return result


async def linger() -> None:
    """Take some time; now and then long enough for others to believe that the worker is gone."""
    random = current_stage().random
    await asyncio.sleep(random.uniform(0.001, 0.2) if random.random() < 0.9 else random.uniform(0.4, 1.5))


def crash() -> None:
    """Kill the process that this runs in, as a step with a bug in native code does."""
    current_stage().crash()


async def put(out: Writable[str], *, end: bool = False) -> Written:
    """Write a chunk like no other to a stream, or its end, and write that down. Raises: StreamClosed."""
    attempt, stage = current_attempt(), current_stage()
    assert attempt is not None, "only steps write here"
    text = f"{stage.chunk_name()} of {attempt.step_id}, attempt {attempt.attempt}"
    data = None if end else encode(text, "chunk")
    written = stage.write(attempt, RunId(out.run_id), out.namespace or "", data, kept=out.atomic)
    try:
        await (out.close() if end else out.write(text))
    except BaseException:
        stage.unwrite(written)
        raise
    return written


async def drain(out: Writable[str], *written: Written) -> None:
    """Commit what was written, and write that down. Raises: StreamClosed, WorldUnavailable."""
    await out.drain()
    current_stage().drained(written)
