"""What the steps of a run logged, where it was kept (`capture_logs`)."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from perdure.api.records import Page, Record, moment
from perdure.engine.engine import Engine
from perdure.engine.seal import open_chunk
from perdure.errors import DecodeError, PayloadLocked, RunNotFound
from perdure.inspector.page import Asked, place_in
from perdure.inspector.reference import run_named
from perdure.model.ids import RunId
from perdure.model.log import LEVELS, LOG, Line
from perdure.world.stream import Chunk

PAGE = 500
SCAN_MAX = 20_000
"""So many lines are looked at for one page at most: then it ends early, with a cursor."""
_NAMES = {number: name for name, number in LEVELS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine(Record):
    """One line. `at` is by the clock of the worker; `step` the step's name; `exception` the text of a traceback.

    `dropped`: so many more of that attempt weren't kept. One that can't be read here has neither time nor level; its
    `message` says why, and it may be `locked`.
    """

    index: int
    at: datetime | None
    level: str
    logger: str
    step: str
    step_id: str | None
    attempt: int
    message: str
    exception: str | None = None
    dropped: int = 0
    locked: bool = False


class Wanted(NamedTuple):
    """Which lines: of a step (its name or an end of it, its id or a beginning), from a level on."""

    step: str | None = None
    level: int = 0

    def has(self, line: LogLine, level: int | None) -> bool:
        """What can't be read has no level, and is never left out for that."""
        return (level is None or level >= self.level) and (self.step is None or _is_of(self.step, line))


async def list_logs(engine: Engine, run: str, wanted: Wanted, asked: Asked) -> Page[LogLine]:
    """In the order in which they were committed; a page may be shorter than asked for, and still have a cursor.

    Raises: RunNotFound, UsageError.
    """
    index = first_of(asked.cursor)
    run_id = await run_named(engine, run)
    end, found = index + SCAN_MAX, list[LogLine]()
    while index < end:
        page = await engine.world.streams.read(run_id, LOG, index, PAGE)
        if page is None:
            raise RunNotFound(run_id)
        for chunk in page.chunks:
            line, level = _line(engine, run_id, chunk)
            if wanted.has(line, level):
                if len(found) == asked.limit:
                    return Page(items=tuple(found), cursor=str(chunk.index))
                found.append(line)
        index += len(page.chunks)
        if index >= page.record.length:
            return Page(items=tuple(found), cursor=None)
    return Page(items=tuple(found), cursor=str(index))


async def follow_logs(engine: Engine, run_id: RunId, wanted: Wanted, first: int = 0) -> AsyncGenerator[list[LogLine]]:
    """What is there from an index on, and what comes, until the run ends.

    Raises: RunNotFound, UsageError, PayloadLocked, DecodeError.
    """
    async with aclosing(engine.readers.pages(run_id, LOG, first)) as pages:
        async for page in pages:
            read = (_line(engine, run_id, chunk) for chunk in page)
            yield [line for line, level in read if wanted.has(line, level)]


def first_of(cursor: str | None) -> int:
    """The index that a cursor of such a list stands for. Raises: UsageError."""
    return place_in(cursor, "logs")


def _line(engine: Engine, run_id: RunId, chunk: Chunk) -> tuple[LogLine, int | None]:
    """The line, and its level's number."""
    try:
        line = msgspec.json.decode(open_chunk(run_id, LOG, chunk, engine.keys).data, type=Line)
    except (DecodeError, msgspec.DecodeError) as error:
        return _unreadable(chunk, error), None
    return LogLine(
        index=chunk.index,
        at=moment(line.at_ms),
        level=line.level_name or _NAMES.get(line.level, str(line.level)),
        logger=line.logger,
        step=line.step,
        step_id=chunk.step_id,
        attempt=chunk.attempt,
        message=line.message,
        exception=line.exception,
        dropped=line.dropped,
    ), line.level


def _unreadable(chunk: Chunk, error: Exception) -> LogLine:
    return LogLine(
        index=chunk.index,
        at=None,
        level="",
        logger="",
        step="",
        step_id=chunk.step_id,
        attempt=chunk.attempt,
        message=f"not readable here: {error}",
        locked=isinstance(error, PayloadLocked),
    )


def _is_of(step: str, line: LogLine) -> bool:
    if step.startswith("step_") and line.step_id is not None and line.step_id.startswith(step):
        return True
    return line.step == step or line.step.endswith((f":{step}", f".{step}"))
