"""When something is to happen: by the store's clock, which others can see, or by this process's own.

One place for both, so that a test's clock can stand in for them.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

LOOK_S = 0.5


class Clock(Protocol):
    """The World, as far as its clock goes."""

    def now_ms(self) -> int: ...


class Timer(Protocol):
    """A call that is to come. Cancelling it is harmless to repeat."""

    def cancel(self) -> None: ...


class Timers:
    """A worker's, on its loop."""

    __slots__ = ("_loop", "_world")

    def __init__(self, world: Clock, loop: asyncio.AbstractEventLoop) -> None:
        self._world, self._loop = world, loop

    def time(self) -> float:
        """This process's clock, in seconds from somewhere."""
        return self._loop.time()

    def after(self, delay_s: float, call: Callable[..., object], *args: Any) -> Timer:
        """Call when so much time has passed here."""
        return self._loop.call_later(delay_s, call, *args)

    def at(self, due_ms: int, call: Callable[..., object], *args: Any) -> Timer:
        """Call when the store's clock says so, which is a hint: the World has the last word (S1)."""
        return Alarm(self._world, self._loop, due_ms, call, args)


class Alarm:
    """One call by the store's clock. That may be set, or go on while this machine sleeps: it is looked at twice a second."""

    __slots__ = ("_args", "_call", "_due_ms", "_loop", "_timer", "_world")

    def __init__(
        self,
        world: Clock,
        loop: asyncio.AbstractEventLoop,
        due_ms: int,
        call: Callable[..., object],
        args: tuple[Any, ...],
    ) -> None:
        self._world, self._loop, self._due_ms, self._call, self._args = world, loop, due_ms, call, args
        self._timer = self._armed()

    def cancel(self) -> None:
        self._timer.cancel()

    def _armed(self) -> asyncio.TimerHandle:
        left_s = (self._due_ms - self._world.now_ms()) / 1000
        delay_s = min(max(left_s, 0.001), LOOK_S) if left_s > 0 else 0
        return self._loop.call_later(delay_s, self._ring)

    def _ring(self) -> None:
        if self._world.now_ms() < self._due_ms:
            self._timer = self._armed()
        else:
            self._call(*self._args)
