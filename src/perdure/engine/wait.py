"""A live run's timers: waits, retries in back-off, the ends of hooks, the end of a cancel's grace.

A timer is only a hint: the World refuses a wait that isn't due by its own clock (S1).
"""

from collections.abc import Callable
from typing import Protocol

from perdure.core.pending import Pending
from perdure.engine.timers import Timer, Timers
from perdure.model.event import Fact, HookExpired, WaitCompleted

FORCE = "force"


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

    __slots__ = ("_run", "_set", "_timers")

    def __init__(self, run: Waiter, timers: Timers) -> None:
        self._run, self._timers = run, timers
        self._set: dict[str, Timer] = {}

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
        self._set[key] = self._timers.at(due_ms, self._ring, key, call)

    def release(self, key: str) -> None:
        timer = self._set.pop(key, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        for timer in self._set.values():
            timer.cancel()
        self._set.clear()

    def _ring(self, key: str, call: Callable[[str], None]) -> None:
        del self._set[key]
        call(key)

    def _due(self, key: str) -> None:
        wait = self._run.pending.waits.get(key)
        if wait is not None:
            self._run.arrive(key, WaitCompleted(due_ms=wait.due_ms))

    def _expired(self, key: str) -> None:
        open = self._run.pending.hooks.get(key)
        if open is not None and open.hook.expires_ms is not None:
            self._run.arrive(key, HookExpired(due_ms=open.hook.expires_ms))
