"""`python -m examples.evidence examples/refund sqlite:///refund.db`: that example's runs, in a new world.

They are played in a lab, where months take no time, and written as they were there. Their ids are the same each time:
`perdure inspect run`, or `perdure web --world URL`, shows what a scorecard names.
"""

import asyncio
import importlib
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from perdure.model.ids import RANDOM_BYTES, RunId, new_run_id
from perdure.testing import lab
from perdure.testing.kit.clock import Clock
from perdure.testing.kit.engine import NoJitter
from perdure.worlds.sqlite import SqliteWorld

DAY = datetime(2026, 1, 1, 9, tzinfo=UTC)


class Numbered(NoJitter):
    """The ids of runs count up."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0

    def run_id(self, now_ms: int) -> RunId:
        self._count += 1
        return new_run_id(round(DAY.timestamp() * 1000), self._count.to_bytes(RANDOM_BYTES, "big"))


async def play(example: str, url: str) -> None:
    """What `examples.evidence.EXAMPLE` has happen, in the world at this URL of SQLite's, which must be new."""
    async with lab(at=DAY) as one:
        (await one.bench.working()).entropy = Numbered()
        await importlib.import_module(f"examples.evidence.{example}").play(one)
        await one.rest()
        clock = Clock(round(DAY.timestamp() * 1000))
        world = SqliteWorld(url, clock.now_ms)
        await world.open()
        try:
            await one.bench.world.repeat_on(world, clock)
        finally:
            await world.close()


if __name__ == "__main__":
    logging.disable()  # what fails here does so on purpose
    folder, url = sys.argv[1:]
    asyncio.run(play(Path(folder).name, url))
