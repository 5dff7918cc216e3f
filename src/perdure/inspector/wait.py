"""A run's sleeps and timeouts."""

from perdure.api.info import wait_info
from perdure.api.records import Page, WaitInfo
from perdure.core.standing import waits_of
from perdure.engine.engine import Engine
from perdure.inspector.page import Asked, page_of
from perdure.inspector.reading import read_events
from perdure.inspector.reference import run_named


async def list_waits(engine: Engine, run: str, asked: Asked) -> Page[WaitInfo]:
    """In the order in which they began. Raises: RunNotFound, UsageError."""
    _, events = await read_events(engine, await run_named(engine, run))
    return page_of(asked, [wait_info(wait) for wait in waits_of(events)], "waits")
