"""Virtual time: one heap of everything that will happen, in all processes of a simulation and between them.

Nothing here waits. Time jumps to the next event, ties fall as the seed says, and the same seed gives the same run.
"""

from collections.abc import Callable
from heapq import heappop, heappush
from random import Random
from typing import Any, Protocol

EVENTS_MAX = 100_000
"""At one moment: more of them, and somebody spins."""


class Place(Protocol):
    """Where an event happens: a process's event loop."""

    def arrive(self, handle: Any) -> None: ...


class Spinning(Exception):
    """Time doesn't move on: something asks to be called again at once, for ever."""


class Universe:
    """The clock, in microseconds from 0, and the events that lie ahead."""

    def __init__(self, seed: int) -> None:
        self.seed, self.random = seed, Random(seed)
        self.now_us = 0
        self.stopped = False
        self._heap: list[tuple[int, float, int, Place | None, Any]] = []
        self._count = 0

    def after_ms(self, delay_ms: float, event: Callable[[], object]) -> None:
        """Between the processes: nothing that happens to a process delays it."""
        self.at_us(self.now_us + round(delay_ms * 1000), None, event)

    def at_us(self, at_us: int, place: Place | None, event: Any) -> None:
        """`event` is an asyncio.Handle for `place`, or (None) a plain callable."""
        self._count += 1
        heappush(self._heap, (max(at_us, self.now_us), self.random.random(), self._count, place, event))

    def run(self, until_us: int) -> None:
        """Let time pass until then, or until somebody sets `stopped`. Raises: Spinning."""
        heap, here = self._heap, 0
        while heap and not self.stopped and heap[0][0] <= until_us:
            at_us, _, _, place, event = heappop(heap)
            if at_us > self.now_us:
                self.now_us, here = at_us, 0
            here += 1
            if here > EVENTS_MAX:
                raise Spinning(f"{here} events at {at_us} us, the last is {event!r}")
            if place is None:
                event()
            elif not event._cancelled:
                place.arrive(event)
