"""The runs that were forked from a run: only their logs tell, so they are looked for among the newest of its workflow."""

import asyncio

from perdure.api.records import Page
from perdure.engine.engine import Engine
from perdure.engine.log import to_events
from perdure.errors import DecodeError
from perdure.inspector.page import Asked
from perdure.inspector.reference import record_named
from perdure.inspector.run import RunView
from perdure.inspector.runs import page_of_runs
from perdure.model.event import RunCreated
from perdure.model.ids import RunId
from perdure.world.query import RunFilter, RunRecord

LOOKED_AT = 200


async def list_forks(engine: Engine, run: str, asked: Asked) -> Page[RunView]:
    """Of the newest `LOOKED_AT` runs of its workflow, those that were forked from this run, the newest first.

    Raises: RunNotFound, UsageError.
    """
    original = await record_named(engine, run)
    later = RunFilter(workflow=original.workflow, since_ms=original.created_at_ms, limit=LOOKED_AT)
    page = await engine.world.list_runs(later)
    origins = await asyncio.gather(
        *(_origin_of(engine, found) for found in page.runs)
    )  # not one round trip after another
    forks = [found.run_id for found, origin in zip(page.runs, origins, strict=True) if origin == original.run_id]
    if not forks:
        return Page(items=(), cursor=None)
    return await page_of_runs(engine, RunFilter(run_ids=tuple(forks), limit=asked.limit), asked)


async def _origin_of(engine: Engine, run: RunRecord) -> RunId | None:
    if run.parent_id is not None or run.idempotency_key is not None:  # a fork has neither
        return None
    log = await engine.world.read_log(run.run_id, 1, 1)
    if log is None:
        return None
    try:
        [created] = to_events(log, engine.keys)
    except DecodeError:
        return None
    assert isinstance(created.fact, RunCreated), "L1: a log begins with run_created"
    return None if created.fact.forked_from is None else created.fact.forked_from.run_id
