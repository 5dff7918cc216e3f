"""A ledger for what steps do to the world outside, that the simulator looks into, and at which it may let a process die."""

import asyncio
from collections import Counter
from typing import Protocol

from perdure.testing.simulation.loop import ProcessLoop


class Mortal(Protocol):
    """A process of a simulation."""

    def act(self, what: str) -> bool:
        """It does something to the world outside: whether it lives on after that. Raises: Died, before it could."""
        ...

    def end(self) -> None:
        """Raises: Died."""
        ...


class Effects:
    """What steps have done outside: `counts`, by what it was."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._keys: set[tuple[str, object]] = set()

    def note(self, what: str, *, key: object = None) -> bool:
        """Something is done to the world outside: `what`, in a word. `key`: as for a provider that knows idempotency keys, to
        which a second time with the same one is nothing. Whether it was done."""
        process = _process()
        lives = process is None or process.act(what)
        new = key is None or (what, key) not in self._keys
        self._keys.add((what, key))
        self.counts[what] += new
        if process is not None and not lives:
            process.end()
        return new


def _process() -> Mortal | None:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    owner = loop.owner if isinstance(loop, ProcessLoop) else None
    return owner if hasattr(owner, "act") else None  # pyright: ignore[reportReturnType]
