"""A live run's timers: waits, retries in back-off, the ends of hooks, the end of a cancel's grace.

A timer is only a hint: the World refuses a wait that isn't due by its own clock (S1).
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from perdure.core.pending import Pending
from perdure.model.event import Fact, HookExpired, WaitCompleted
from perdure.world.world import World

FORCE = "force"
LOOK_S = 0.5


class Forcible(Protocol):
    """What ends a run by force."""

    def force(self) -> None: ...


class Waiter(Protocol):
    """The run that waits."""

    pending: Pending

    @property
    def departure(self) -> Forcible: ...

    def arrive(self, key: str, fact: Fact) -> None: ...


class Waits:
    """The timers of one run, by key."""

    __slots__ = ("_loop", "_run", "_timers", "_world")

    def __init__(self, run: Waiter, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self._run, self._world, self._loop = run, world, loop
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def recover(self, awaited: Callable[[str], bool]) -> None:
        """Arm what the log left open, and the body still waits for."""
        for key, wait in self._run.pending.waits.items():
            if awaited(key):
                self.arm(key, wait.due_ms)
        for key, open in self._run.pending.hooks.items():
            if open.hook.expires_ms is not None:
                self.arm(key, open.hook.expires_ms)
        self.arm_force()

    def arm(self, key: str, due_ms: int) -> None:
        """Complete this wait, or end this hook, when it is due."""
        self.at(key, due_ms, self._expired if key in self._run.pending.hooks else self._due)

    def arm_force(self) -> None:
        """End the run without its body when the grace of its cancel is over, if it has one."""
        if self._run.pending.force_at_ms is not None:
            self.at(FORCE, self._run.pending.force_at_ms, lambda _: self._run.departure.force())

    def at(self, key: str, due_ms: int, call: Callable[[str], None]) -> None:
        """Call with the key when the store's clock says so; replaces an earlier timer of that key."""
        self.release(key)
        self._wait(key, due_ms, call)

    def release(self, key: str) -> None:
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _ring(self, key: str, due_ms: int, call: Callable[[str], None]) -> None:
        del self._timers[key]
        if self._world.now_ms() < due_ms:
            self._wait(key, due_ms, call)
        else:
            call(key)

    def _wait(self, key: str, due_ms: int, call: Callable[[str], None]) -> None:
        """The store's clock may be set, or go on while this machine sleeps: look at it twice a second."""
        left_s = (due_ms - self._world.now_ms()) / 1000
        delay_s = min(max(left_s, 0.001), LOOK_S) if left_s > 0 else 0
        self._timers[key] = self._loop.call_later(delay_s, self._ring, key, due_ms, call)

    def _due(self, key: str) -> None:
        wait = self._run.pending.waits.get(key)
        if wait is not None:
            self._run.arrive(key, WaitCompleted(due_ms=wait.due_ms))

    def _expired(self, key: str) -> None:
        open = self._run.pending.hooks.get(key)
        if open is not None and open.hook.expires_ms is not None:
            self._run.arrive(key, HookExpired(due_ms=open.hook.expires_ms))
