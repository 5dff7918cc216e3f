"""The runs of a world, and of one run its children."""

from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from perdure.api.records import Page
from perdure.engine.engine import Engine
from perdure.errors import RunNotFound
from perdure.inspector.child import children_filter
from perdure.inspector.filter import Wanted
from perdure.inspector.page import Asked, no_cursor
from perdure.inspector.reference import record_named
from perdure.inspector.run import RunView, listed_view
from perdure.model.ids import RunId, is_run_id
from perdure.model.status import Status
from perdure.world.query import RunFilter, RunRecord

SEARCHED = 5000
"""So many runs are looked through for a word; then the page ends, found or not, and its cursor goes on."""
PART = 500


async def list_runs(engine: Engine, wanted: Wanted, status: tuple[Status, ...], asked: Asked) -> Page[RunView]:
    """Those that are wanted, and in one of these states, the newest first. Raises: RunNotFound, UsageError.

    Where a word is searched, a page may have fewer than were asked for, or none, and a cursor all the same.
    """
    filter = wanted.filter(status, asked.limit)
    if not wanted.searches:
        return await page_of_runs(engine, filter, asked)
    filter = replace(_from(filter, asked), limit=PART)
    found: list[RunRecord] = []
    for _ in range(SEARCHED // PART):
        page = await engine.world.list_runs(filter)
        for run in page.runs:
            if wanted.matches(run):
                found.append(run)
            if len(found) == asked.limit:
                more = page.more or run is not page.runs[-1]
                return Page(
                    items=await views_of(engine, found, with_data=asked.with_data), cursor=run.run_id if more else None
                )
        if not page.more:
            return Page(items=await views_of(engine, found, with_data=asked.with_data), cursor=None)
        filter = replace(filter, before=page.runs[-1].run_id)
    return Page(items=await views_of(engine, found, with_data=asked.with_data), cursor=filter.before)


async def list_children(engine: Engine, run: str, asked: Asked) -> Page[RunView]:
    """A run's children, the newest first. Raises: RunNotFound, UsageError."""
    parent = await record_named(engine, run)
    return await page_of_runs(engine, replace(children_filter(parent.run_id), limit=asked.limit), asked)


async def page_of_runs(engine: Engine, filter: RunFilter, asked: Asked) -> Page[RunView]:
    """Raises: RunNotFound, UsageError."""
    page = await engine.world.list_runs(_from(filter, asked))
    items = await views_of(engine, page.runs, with_data=asked.with_data)
    return Page(items=items, cursor=page.runs[-1].run_id if page.more else None)


def _from(filter: RunFilter, asked: Asked) -> RunFilter:
    if asked.cursor is None:
        return filter
    if not is_run_id(asked.cursor):
        raise no_cursor(asked.cursor, "runs")
    return replace(filter, before=RunId(asked.cursor))


async def views_of(engine: Engine, runs: Sequence[RunRecord], *, with_data: bool) -> tuple[RunView, ...]:
    """Of those that are still there."""
    workers = await engine.world.workers() if runs else ()
    views: list[RunView] = []
    for run in runs:
        with suppress(RunNotFound):  # it was old, and has just been removed
            views.append(await listed_view(engine, run, workers, with_data=with_data))
    return tuple(views)
