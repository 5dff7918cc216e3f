"""How long a test waits, in real time: as long as something goes on, and a little longer than that."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from perdure.model.ids import RunId
from perdure.replay.scope import current_attempt
from perdure.testing.kit.failure import LabStuck

T = TypeVar("T")
LOOKS = 8


class Patience:
    """`seconds` is how long a lab may rest before whoever waits is told. `state`: what goes on (empty: nothing), and a number
    that grows whenever something has; `standing`: what a run does, in words."""

    def __init__(
        self,
        seconds: float,
        state: Callable[[], Awaitable[tuple[str, int]]],
        standing: Callable[[RunId], Awaitable[str]],
    ) -> None:
        self.seconds, self._state, self._standing = seconds, state, standing

    async def outlast(self, run_id: RunId, awaited: str, coming: "asyncio.Task[T]") -> T:
        """What comes. Raises: LabStuck, where everything rests for so long. A step may wait for as long as it likes."""
        if current_attempt() is not None:
            return await coming
        rested, last = 0, -1
        while True:
            done, _ = await asyncio.wait({coming}, timeout=self.seconds / LOOKS)
            if done:
                return coming.result()
            unrest, progress = await self._state()
            rested = rested + 1 if not unrest and progress == last else 0
            last = progress
            if rested >= LOOKS:
                raise LabStuck(run_id, awaited, await self._standing(run_id))
