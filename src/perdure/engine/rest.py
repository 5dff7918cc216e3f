"""Runs that only wait: which have rested long enough to be put away (O5)."""

import asyncio
from collections.abc import Callable

from perdure.model.ids import RunId

IDLE_S = 1.0
EVERY_S = 0.25
RESTING_MAX = 1000


class Rest:
    """The runs at rest, longest first. Over `RESTING_MAX` the longest resting goes at once."""

    def __init__(self, put_away: Callable[[RunId], None]) -> None:
        self._put_away = put_away
        self._loop = asyncio.get_running_loop()
        self._since: dict[RunId, float] = {}

    def __len__(self) -> int:
        return len(self._since)

    def begin(self, run_id: RunId) -> None:
        if run_id not in self._since:
            self._since[run_id] = self._loop.time()
            if len(self._since) > RESTING_MAX:
                self._put_away(next(iter(self._since)))

    def end(self, run_id: RunId) -> None:
        self._since.pop(run_id, None)

    async def reap_for_ever(self) -> None:
        """Put away, four times a second, what has rested for a second."""
        while True:
            await asyncio.sleep(EVERY_S)
            ripe = self._loop.time() - IDLE_S
            for run_id in [run_id for run_id, since in self._since.items() if since <= ripe]:
                self._put_away(run_id)
