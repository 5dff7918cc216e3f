"""The runs of a world."""

from contextlib import suppress

from msgspec.structs import replace

from perdure.api.records import Page
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked
from perdure.inspector.reference import run_named
from perdure.inspector.run import RunView, listed_view
from perdure.model.status import Status


async def list_runs(engine: Engine, wanted: Wanted, status: tuple[Status, ...], asked: Asked) -> Page[RunView]:
    """Those that are wanted, and in one of these states, the newest first. Raises: RunNotFound, UsageError."""
    filter = wanted.filter(status, asked.limit)
    if asked.cursor is not None:
        filter = replace(filter, before=await run_named(engine, asked.cursor))
    page = await engine.world.list_runs(filter)
    workers = await engine.world.workers()
    views: list[RunView] = []
    for run in page.runs:
        with suppress(RunNotFound):  # it was old, and has just been removed
            views.append(await listed_view(engine, run, workers, with_data=asked.with_data))
    return Page(items=tuple(views), cursor=page.runs[-1].run_id if page.more else None)
