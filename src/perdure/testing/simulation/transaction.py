"""Transactions of simulated steps: rows beside the log, which are there with the step's completion or not at all."""

from functools import partial

from perdure.model.ids import StepId
from perdure.testing.simulation.store import Booked, Store
from perdure.testing.simulation.wire import Wire
from perdure.world import Append, Appended, Refused


class Draft:
    """What a simulated step gets for a connection."""

    def __init__(self) -> None:
        self.rows: list[Booked] = []

    def add(self, step_id: StepId, attempt: int) -> None:
        """A row like no other: whose it is."""
        self.rows.append(Booked(step_id, attempt))


class FaultyTransaction:
    """Over the wire, where its COMMIT may be lost, or come late."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._store, self._wire = store, wire
        self.connection = Draft()

    async def commit(self, append: Append) -> Appended | Refused:
        rows = tuple(self.connection.rows)
        return await self._wire.ask("transactions.commit", partial(self._store.commit_with, append, rows))

    def rollback(self) -> None:
        """What never reached the store needs no undoing."""


class FaultyTransactions:
    """`exclusive` makes the engine take care; nobody is kept from writing."""

    limit_ms, in_threads = 0, True

    def __init__(self, store: Store, wire: Wire) -> None:
        self.exclusive = store.exclusive
        self._store, self._wire = store, wire

    async def begin(self, step: str) -> FaultyTransaction:
        await self._wire.ask("transactions.begin", lambda: None)
        return FaultyTransaction(self._store, self._wire)
