"""The way between a process and the store: every call travels, and may be lost, late, or the last that the process makes."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from perdure.errors import WorldFull, WorldUnavailable
from perdure.testing.simulation.faults import Faults
from perdure.testing.simulation.loop import Died, ProcessLoop
from perdure.testing.simulation.store import Store
from perdure.testing.simulation.universe import Universe

TRAVEL_MS = (1, 6)
SLOW_MS = (50, 500)
LATE_MS = (20, 3000)
PAUSE_MS = (300, 6000)
HINT_MS = (1, 3)
Call = Callable[[], Any]


class Caller(Protocol):
    """The process that calls."""

    loop: ProcessLoop

    def fate_of(self, call: str) -> str:
        """It makes this call: what happens to it, as a kind of fault, or empty."""
        ...

    def die(self) -> None: ...


class Wire:
    """One process's way to the store."""

    def __init__(self, store: Store, universe: Universe, faults: Faults, caller: Caller) -> None:
        self._store, self._universe, self._faults, self._caller = store, universe, faults, caller

    def call(self, name: str, *args: Any) -> Any:
        """Make this call of the port; an awaitable of its result. Raises: Died, where it is the process's last."""
        return self.ask(name, partial(self._store.call, name, *args))

    def ask(self, name: str, call: Call) -> Any:
        """As `call`, with what the store is to do."""
        caller = self._caller
        if caller.loop.dead:
            raise Died
        fate = caller.fate_of(name)
        if fate == "kill":
            fate = self._universe.random.choice(("kill before", "kill after"))
        if fate == "kill after":
            _quietly(call)
        if fate in ("kill before", "kill after"):
            caller.die()
            raise Died
        if fate == "pause":
            caller.loop.pause(self._universe.now_us + self._universe.random.randrange(*PAUSE_MS) * 1000)
        future: Any = caller.loop.create_future()
        delay_ms = self._delay_ms(fate)
        if fate == "away":
            self._answer(future, None, WorldUnavailable("simulated: nothing was written"), delay_ms)
        elif fate == "lost":
            self._lose(call)
            self._answer(future, None, WorldUnavailable("simulated: the answer was lost"), delay_ms)
        elif self._universe.random.random() < 0.5:
            self._land(future, call, delay_ms)
        else:
            self._universe.after_ms(delay_ms, partial(self._land, future, call, 0.0))
        return future

    def happens(self, kind: str) -> bool:
        """Draw whether this kind of fault happens to the process now. To the dead nothing happens any more."""
        return not self._caller.loop.dead and self._faults.happens(kind)

    def full(self) -> Any:
        """A commit finds no space."""
        future = self._caller.loop.create_future()
        self._answer(future, None, WorldFull("/simulated"), self._delay_ms(""))
        return future

    def hint(self, hint: Callable[[], None]) -> None:
        """Somebody has written: this process hears of it at once, late, twice, or not at all."""
        if self._caller.loop.dead:
            return
        delays = (HINT_MS,)
        if self.happens("hint"):
            delays = self._universe.random.choice(((), (), (SLOW_MS,), (HINT_MS, SLOW_MS)))
        for delay_ms in delays:
            self._caller.loop.call_later(self._universe.random.uniform(*delay_ms) / 1000, hint)

    def _delay_ms(self, fate: str) -> float:
        return self._universe.random.uniform(*(SLOW_MS if fate == "slow" else TRAVEL_MS))

    def _land(self, future: Any, call: Call, delay_ms: float) -> None:
        """The call reaches the store; its answer is back so much later."""
        try:
            result, error = call(), None
        except Exception as raised:
            result, error = None, raised
        self._answer(future, result, error, delay_ms)

    def _lose(self, call: Call) -> None:
        """The call lands now, or (the caller has long given up) later; nobody hears of it."""
        if self._universe.random.random() < 0.5:
            _quietly(call)
        else:
            self._universe.after_ms(self._universe.random.uniform(*LATE_MS), partial(_quietly, call))

    def _answer(self, future: Any, result: Any, error: Exception | None, delay_ms: float) -> None:
        def arrive() -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._caller.loop.call_later(delay_ms / 1000, arrive)


def _quietly(call: Call) -> None:
    with suppress(Exception):  # nobody is there to be told
        call()
