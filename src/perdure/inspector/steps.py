"""The steps of one run, or of many."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from msgspec.structs import replace

from perdure.api.records import Page, StepStatus
from perdure.engine.engine import Engine
from perdure.engine.listing import walk_runs
from perdure.engine.queue import steps_with_queued
from perdure.errors import DecodeError, RunNotFound
from perdure.inspector.filter import Wanted
from perdure.inspector.page import DIGITS_MAX, Asked, no_cursor
from perdure.inspector.reading import read_events
from perdure.inspector.reference import run_named
from perdure.inspector.step import StepView, step_view
from perdure.model.ids import RunId, is_run_id


class Place(NamedTuple):
    """Where a list of steps goes on: so many steps into this run. As a cursor, `run:count`."""

    run_id: RunId
    skipped: int

    def __str__(self) -> str:
        return f"{self.run_id}:{self.skipped}"


async def list_steps(
    engine: Engine, run: str | None, wanted: Wanted, status: tuple[StepStatus, ...], asked: Asked
) -> Page[StepView]:
    """Of a run, in the order of their calls; without one of all runs that are wanted, the newest run's first.

    Raises: RunNotFound, UsageError.
    """
    after = None if asked.cursor is None else place_of(asked.cursor)
    run_ids = _runs(engine, wanted, after) if run is None else _only(await run_named(engine, run))
    items: list[StepView] = []
    async for place, step in _steps(engine, run_ids, after, all_runs=run is None, with_data=asked.with_data):
        if status and step.info.status not in status:
            continue
        if len(items) == asked.limit:
            return Page(items=tuple(items), cursor=str(place))
        items.append(step)
    return Page(items=tuple(items), cursor=None)


def place_of(cursor: str) -> Place:
    """Raises: UsageError."""
    run_id, _, skipped = cursor.partition(":")
    if not (is_run_id(run_id) and skipped.isascii() and skipped.isdigit() and len(skipped) <= DIGITS_MAX):
        raise no_cursor(cursor, "steps")
    return Place(RunId(run_id), int(skipped))


async def _only(run_id: RunId) -> AsyncIterator[RunId]:
    yield run_id


async def _runs(engine: Engine, wanted: Wanted, after: Place | None) -> AsyncIterator[RunId]:
    filter = wanted.filter()
    if after is not None:
        yield after.run_id
        filter = replace(filter, before=after.run_id)
    async for record in walk_runs(engine.world, filter):
        if wanted.matches(record):
            yield record.run_id


async def _steps(
    engine: Engine, run_ids: AsyncIterator[RunId], after: Place | None, *, all_runs: bool, with_data: bool
) -> AsyncIterator[tuple[Place, StepView]]:
    async for run_id in run_ids:
        try:
            log, events = await read_events(engine, run_id)
            steps = await steps_with_queued(engine.world, events, engine.keys)
        except (RunNotFound, DecodeError):
            if all_runs:  # it was old, and has just been removed; or there is no key for it here
                continue
            raise
        skipped = after.skipped if after is not None and after.run_id == run_id else 0
        for index, step in enumerate(steps):
            if index >= skipped:
                yield Place(run_id, index), step_view(log.run, step, with_data=with_data)
