"""`worker`: an explicit worker, for a process that does nothing else, or that says when it begins and ends."""

import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import ModuleType

from perdure.api.connect import CONNECTION
from perdure.engine.worker import Worker
from perdure.errors import UsageError
from perdure.model.duration import Duration, duration_ms


@asynccontextmanager
async def worker(*modules: str | ModuleType, concurrency: int = 100, grace: Duration = "30s") -> AsyncGenerator[Worker]:
    """Own and run runs while the block lasts, at most `concurrency` steps at once.

    `modules` are imported, so that their workflows are known. When the block ends, running steps get `grace`,
    then every run is handed back. Allowed under `configure(work=False)`. Raises: UsageError if there is a worker.
    """
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
        yield await engine.work(concurrency)
    finally:
        await engine.rest(grace_ms / 1000)
