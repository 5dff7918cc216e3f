"""A real worker's process, for the programs of the simulation.

It tells its worker's id when it begins to work, drains on SIGTERM, and ends with whoever started it.
"""

import asyncio
import importlib
import logging
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from perdure.api.connect import CONNECTION, world_at
from perdure.engine.engine import Engine
from perdure.engine.lease import Leasing
from perdure.errors import WorldError
from perdure.testing.history.ledger import LedgerFile
from perdure.testing.history.stage import ProcessStage
from perdure.testing.simulation.stage import enter
from perdure.world import Append, Operation, Outcome, Refusal, Refused
from perdure.worlds import postgres, sqlite
from tests.faults.programs import SUITE

T = TypeVar("T")
AGAIN_S = 0.1
FENCED = "a write of a former owner was refused"
LOADED = (postgres, sqlite)
"""Before the fork: a new worker begins at once."""


class Options(Struct, frozen=True, kw_only=True):
    """`failing`: how likely an attempt of a step fails. `skew_ms`: how far this process's clock is off.
    `queues`: those that it serves, None: all.

    `planted`: what takes a rule out before the work begins, a function `module:name` of `tests/faults/rules`. `log`: a
    file for all that is logged, or printed on standard error.
    """

    url: str
    ledger: str
    log: str
    lease_ms: int
    failing: float = 0.1
    skew_ms: int = 0
    queues: tuple[str, ...] | None = None
    planted: str = ""


def skew(skew_ms: int) -> None:
    """Put all clocks of Python's `time` that tell the date forward or back."""
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + skew_ms / 1000
    time.time_ns = lambda: now_ns() + skew_ms * 1_000_000


async def work(options: Options, tell: Connection) -> None:
    """Until it is told to stop, or killed."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    world = world_at(options.url)
    _tell_of_refusals(world)
    await _until_it_is_there(world.open)
    engine = Engine(world, SUITE.registry(0), leasing=Leasing(options.lease_ms))
    enter(ProcessStage(engine, LedgerFile(Path(options.ledger)), options.failing))
    CONNECTION.engines[loop] = (engine, loop.create_task(asyncio.sleep(0)))  # for the verbs that steps call
    queues = None if options.queues is None else frozenset(options.queues)
    worker = await _until_it_is_there(lambda: engine.work(queues=queues))
    tell.send(worker.worker_id)
    await stopped.wait()
    await engine.close(0.3)
    await world.close()


def _tell_of_refusals(world: Any) -> None:
    """Log each write that was refused because the run is somebody else's by now."""
    strict = world.commit

    async def commit(operations: Sequence[Operation]) -> list[Outcome]:
        outcomes: list[Outcome] = await strict(operations)
        for operation, outcome in zip(operations, outcomes, strict=True):
            if isinstance(outcome, Refused) and outcome.refusal is Refusal.FENCED:
                logging.warning("%s: %s", FENCED, operation.run_id if isinstance(operation, Append) else "")
        return outcomes

    world.commit = commit


async def _until_it_is_there(job: Callable[[], Awaitable[T]]) -> T:
    while True:
        try:
            return await job()
        except WorldError:
            await asyncio.sleep(AGAIN_S)


def _end_with_parent(tell: Connection) -> None:
    try:
        tell.recv()  # nobody ever sends anything
    except EOFError:
        os._exit(1)


def main(options: Options, tell: Connection) -> None:
    os.setsid()  # Ctrl-C is for whoever started it
    log = os.open(options.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", force=True)
    threading.Thread(target=_end_with_parent, args=(tell,), daemon=True).start()
    skew(options.skew_ms)
    if options.planted:
        module, _, name = options.planted.partition(":")
        getattr(importlib.import_module(module), name)().__enter__()
    asyncio.run(work(options, tell))
