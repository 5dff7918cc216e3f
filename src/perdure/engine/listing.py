"""All runs that a filter lets through, page by page."""

from collections.abc import AsyncIterator

from msgspec.structs import replace

from perdure.world.query import RunFilter, RunRecord
from perdure.world.world import World

PAGE = 500


async def walk_runs(world: World, filter: RunFilter) -> AsyncIterator[RunRecord]:
    """Newest first; the filter's own limit doesn't count. Raises: WorldError."""
    filter = replace(filter, limit=PAGE)
    while True:
        page = await world.list_runs(filter)
        for run in page.runs:
            yield run
        if not page.more:
            return
        filter = replace(filter, before=page.runs[-1].run_id)
