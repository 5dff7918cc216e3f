"""A run's streams."""

from perdure.api.info import stream_info
from perdure.api.records import Page, StreamInfo
from perdure.api.stream import HIDDEN
from perdure.engine.engine import Engine
from perdure.inspector.page import Asked, page_of
from perdure.inspector.reference import record_named
from perdure.model.ids import RunId


async def list_streams(engine: Engine, run: str, asked: Asked) -> Page[StreamInfo]:
    """Those that somebody wrote, by name. Raises: RunNotFound, UsageError."""
    record = await record_named(engine, run)
    return page_of(asked, await streams_of(engine, record.run_id), "streams")


async def streams_of(engine: Engine, run_id: RunId) -> list[StreamInfo]:
    """All of a run that somebody wrote, by name."""
    records = await engine.world.streams.list(run_id)
    return [stream_info(record) for record in records if not record.stream.startswith(HIDDEN)]
