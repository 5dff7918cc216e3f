"""A reader: follows a run's streams, is cut off, and goes on from its next index, wherever it is answered."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from random import Random

from perdure.engine.engine import Engine
from perdure.model.ids import RunId
from perdure.testing.simulation.sender import Insist

CUT_S = (0.05, 1.5)
PAUSE_S = (0.0, 0.3)
QUIET_S = 1.0


@dataclass
class Reading:
    """Chunks of a stream from the index `start` on, as they came. `whole`: to its end, as it was told last."""

    run_id: RunId
    stream: str
    start: int
    chunks: list[bytes] = field(default_factory=list[bytes])
    whole: bool = False


class Reader:
    """One client's."""

    def __init__(self, insist: Insist, random: Random, readings: list[Reading], *, quiet: bool) -> None:
        self._insist, self._random, self._readings, self._quiet = insist, random, readings, quiet

    async def live(self, run_id: RunId, stream: str, over: Callable[[], bool]) -> None:
        """Follow the stream until it ends after the run is `over`; now and then begin again somewhere."""
        reading = self._begin(Reading(run_id, stream, 0))
        while True:
            last = over()
            cut_s = QUIET_S if self._quiet else self._random.uniform(*CUT_S)
            chunks, ended = await self._insist(
                partial(_follow, run_id=run_id, stream=stream, start=reading.start + len(reading.chunks), cut_s=cut_s)
            )
            reading.chunks += chunks
            reading.whole = ended
            if last:
                return
            await asyncio.sleep(QUIET_S / 10 if self._quiet else self._random.uniform(*PAUSE_S))
            if not self._quiet and self._random.random() < 0.1:
                reading = self._begin(Reading(run_id, stream, self._random.randrange(len(reading.chunks) + 1)))

    def _begin(self, reading: Reading) -> Reading:
        self._readings.append(reading)
        return reading


async def _follow(engine: Engine, run_id: RunId, stream: str, start: int, cut_s: float) -> tuple[list[bytes], bool]:
    """Chunks from an index on, for so long; and whether that was the end."""
    chunks: list[bytes] = []
    try:
        async with asyncio.timeout(cut_s), aclosing(engine.readers.pages(run_id, stream, start)) as pages:
            async for page in pages:
                chunks += [chunk.data for chunk in page]
    except TimeoutError:
        return chunks, False
    return chunks, True
