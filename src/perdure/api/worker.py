"""`worker`: an explicit worker, for a process that does nothing else, or that says when it begins and ends."""

import importlib
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import ModuleType

from perdure.api.connect import CONNECTION, log_level
from perdure.engine.worker import Worker
from perdure.errors import UsageError
from perdure.model.duration import Duration, duration_ms
from perdure.model.queue import RULE, is_queue


@asynccontextmanager
async def worker(
    *modules: str | ModuleType, concurrency: int = 100, grace: Duration = "30s", queues: Iterable[str] | None = None
) -> AsyncGenerator[Worker]:
    """Own and run runs while the block lasts, at most `concurrency` steps at once.

    It imports `modules`, and serves every workflow that this process has defined. When the block ends, running steps get
    `grace`, then every run is handed back. With `queues` it serves these alone, without them all: workflows,
    and steps without `queue=`, are in the queue "default". Allowed under `configure(work=False)`.

    Raises: UsageError if this event loop has a worker already, DurationInvalid, and what the import of a module raises.
    """
    served = None if queues is None else checked_queues(queues)
    grace_ms = duration_ms(grace)
    for module in modules:
        if isinstance(module, str):
            importlib.import_module(module)
    if concurrency < 1:
        raise UsageError(f"a worker with concurrency={concurrency} would never run a step: give at least 1")
    engine = await CONNECTION.engine()
    if engine.worker is not None:
        raise UsageError(
            "this event loop has a worker already: end it, or configure(work=False) before the first start"
        )
    try:
        yield await engine.work(concurrency, served, log_level())
    finally:
        await engine.rest(grace_ms / 1000)


def checked_queues(queues: Iterable[str]) -> frozenset[str]:
    """Raises: UsageError."""
    given = [queues] if isinstance(queues, str) else list(queues)
    for queue in given:
        if not is_queue(queue):
            raise UsageError(f"queues={queue!r} can't name a queue: give {RULE}")
    if not given:
        raise UsageError("a worker with queues=() would never run anything: name at least one queue")
    return frozenset(given)
