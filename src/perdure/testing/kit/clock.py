"""Time in a lab: it stands still until somebody moves it, and rings whatever is due by then.

Steps are real: what they wait for passes as it always does. Virtual is what perdure itself waits for: sleeps and timeouts
of bodies, back-off, the limits of steps, expiries, delayed starts.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from heapq import heappop, heappush
from math import ceil
from typing import Any

from perdure.engine.timers import Timer, Timers


class Clock:
    """Milliseconds since the epoch, for all loops of a lab."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._heap: list[tuple[int, int, Alarm]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._now_ms

    def set(self, alarm: "Alarm") -> None:
        with self._lock:
            if alarm.due_ms > self._now_ms:
                self._count += 1
                heappush(self._heap, (alarm.due_ms, self._count, alarm))
                return
        alarm.ring()

    def next_ms(self) -> int | None:
        """When the next alarm rings; None: there is none."""
        with self._lock:
            while self._heap and self._heap[0][2].over:
                heappop(self._heap)
            return self._heap[0][0] if self._heap else None

    def move(self, to_ms: int) -> None:
        """Let it be so late, never earlier, and ring what is due by then."""
        due: list[Alarm] = []
        with self._lock:
            self._now_ms = max(self._now_ms, to_ms)
            while self._heap and self._heap[0][0] <= self._now_ms:
                due.append(heappop(self._heap)[2])
        for alarm in due:
            alarm.ring()


class Alarm:
    """A call that is to come, on its loop. `over`: it has been made, or isn't wanted any more."""

    __slots__ = ("_call", "_loop", "due_ms", "over")

    def __init__(self, due_ms: int, loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
        self.due_ms, self._loop, self._call, self.over = due_ms, loop, call, False

    def cancel(self) -> None:
        self.over = True

    def ring(self) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self._loop.call_soon_threadsafe(self._made)

    def _made(self) -> None:
        if not self.over:
            self.over = True
            self._call()


class LabTimers(Timers):
    """The timers of one engine in a lab: both clocks are the lab's."""

    __slots__ = ("_clock",)

    def __init__(self, clock: Clock, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(clock, loop)
        self._clock = clock

    def time(self) -> float:
        return self._clock.now_ms() / 1000

    def after(self, delay_s: float, call: Callable[..., object], *args: Any) -> Timer:
        return self.at(self._clock.now_ms() + ceil(delay_s * 1000), call, *args)

    def at(self, due_ms: int, call: Callable[..., object], *args: Any) -> Timer:
        alarm = Alarm(due_ms, self._loop, partial(call, *args))
        self._clock.set(alarm)
        return alarm
