"""What a live run needs of its worker."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from perdure.codec.keyring import KeyRing
from perdure.engine.append import Births
from perdure.engine.committer import Committer
from perdure.engine.ownership import Sweeper
from perdure.engine.queue import Service
from perdure.engine.registry import Registry
from perdure.engine.rest import Rest
from perdure.engine.step import Steps
from perdure.engine.telemetry import Telemetry
from perdure.engine.timers import Timers
from perdure.model.event import Fact
from perdure.model.ids import RunId, WorkerId
from perdure.world.mail import Letter
from perdure.world.operation import Start
from perdure.world.world import World


class Host(Protocol):
    """A worker, as one of its runs sees it."""

    worker_id: WorkerId
    world: World
    loop: asyncio.AbstractEventLoop
    committer: Committer
    registry: Registry
    service: Service
    steps: Steps
    rest: Rest
    timers: Timers
    sweeper: Sweeper
    deployment: str
    keys: KeyRing | None
    telemetry: Telemetry

    @property
    def births(self) -> Births:
        """The same object until the worker serves another workflow."""
        ...

    def cleared(self, run_id: RunId) -> None:
        """The run has completed a turn: if it was on probation, it no longer is."""
        ...

    def give_way(self) -> None:
        """Something is handed back for others: claim nothing for a moment."""
        ...

    def chance(self) -> float:
        """In [0, 1): places a retry within its jitter."""
        ...

    def new_token(self) -> str:
        """For a hook without a token of its own: unpredictable, never from the replay's randomness."""
        ...

    def wrote(self, run_id: RunId, /) -> None:
        """A stream of this run has something new: a hint for its readers here."""
        ...

    def activating(self, run_id: RunId | None) -> None:
        """A body is about to hold the loop's thread (or, None, has let go of it)."""
        ...

    def told(self, letters: Sequence[Letter], children: Sequence[Start], at_ms: int) -> None:
        """An append of this worker has sent letters and started runs: a hint to look at them."""
        ...

    def left(self, run_id: RunId, fact: Fact | None, wake_at_ms: int | None) -> None:
        """The run has left this worker: ended or parked by this fact, else handed back or lost; due then, if at all."""
        ...
