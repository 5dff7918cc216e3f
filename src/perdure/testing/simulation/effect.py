"""What a simulated step does: it writes to the ledger, takes its time, and fails as the seed says."""

import asyncio
from typing import TypeVar

from perdure.api.stream import Writable
from perdure.codec.trust import register
from perdure.codec.value import encode
from perdure.model.ids import RunId
from perdure.replay.scope import current_attempt
from perdure.testing.simulation.ledger import Written
from perdure.testing.simulation.process import current_process

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
    process = current_process()
    process.around.ledger.begin(
        process.worker_id,
        process.epoch_of(attempt.run_id),
        attempt.run_id,
        (attempt.step_id, attempt.step_name, attempt.attempt),
        told,
    )
    return process.around.ledger.count(attempt.step_id)


def shaken() -> bool:
    """Whether this attempt is to fail. The sixth never is: a step that is retried often enough succeeds."""
    attempt = current_attempt()
    assert attempt is not None, "only steps fail"
    return attempt.attempt <= FAILING_ATTEMPTS and current_process().around.faults.happens("fail")


async def effect(result: T, *told: str) -> T:
    """A step's whole body. Raises: Shaken."""
    begin(*told)
    await linger()
    if shaken():
        raise Shaken(f"{result} in attempt {getattr(current_attempt(), 'attempt', 0)}")
    return result


async def linger() -> None:
    """Take some time; now and then long enough for others to believe that the worker is gone."""
    random = current_process().around.universe.random
    await asyncio.sleep(random.uniform(0.001, 0.2) if random.random() < 0.9 else random.uniform(0.4, 1.5))


def crash() -> None:
    """Kill the process that this runs in, as a step with a bug in native code does."""
    process = current_process()
    process.around.faults.counts["kill"] += 1
    process.die()


async def put(out: Writable[str], *, end: bool = False) -> Written:
    """Write a chunk like no other to a stream, or its end, and write that down. Raises: StreamClosed."""
    attempt, process = current_attempt(), current_process()
    assert attempt is not None, "only steps write here"
    ledger = process.around.ledger
    text = f"chunk {len(ledger.written)} of {attempt.step_id}, attempt {attempt.attempt}"
    written = Written(
        run_id=RunId(out.run_id),
        stream=out.namespace or "",
        data=None if end else encode(text, "chunk"),
        writer=attempt.run_id,
        step_id=attempt.step_id,
        attempt=attempt.attempt,
        worker_id=process.worker_id,
        epoch=process.epoch_of(attempt.run_id),
        kept=out.atomic,
    )
    await (out.close() if end else out.write(text))
    ledger.written.append(written)
    return written


async def drain(out: Writable[str], *written: Written) -> None:
    """Commit what was written, and write that down. Raises: StreamClosed, WorldUnavailable."""
    await out.drain()
    for one in written:
        one.drained = True
