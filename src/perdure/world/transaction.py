"""Transactions for steps: what a step writes to tables of its own, and its completion in the log, together or not at all.

A World whose store has tables offers them; the engine opens one for an attempt, and ends it with the attempt.
"""

from typing import Any, Protocol

from perdure.world.operation import Append, Appended, Refused

ENDED_BY_ITSELF = (
    "it has ended the transaction itself; leave COMMIT and ROLLBACK to perdure, and use a savepoint for what may fail"
)
"""What TransactionInvalid says where a step did so: what it had written by then may stand, without its completion."""


class Transaction(Protocol):
    """An open transaction. It ends with the first call of `commit` or `rollback`, and its connection is of no use then.

    `connection` is the driver's own. Who ends the transaction through it gets nothing committed here.
    """

    connection: Any

    async def commit(self, append: Append) -> Appended | Refused:
        """Do the append in the transaction, exactly as `World.commit` would, and make all of it durable. Refused: nothing
        of the transaction is written either.

        Raises: WorldUnavailable, where whether it landed is unknown; it is never to be tried again, but looked up in the
        log once the run was claimed afresh. Whatever else it raises (TransactionInvalid, where somebody has ended the
        transaction, WorldFull, the driver's errors) means that nothing was written with this call.
        """
        ...

    def rollback(self) -> None:
        """Let go of it, at once: nothing of it is written. Harmless to repeat, and after `commit`."""
        ...


class Transactions(Protocol):
    """Opens transactions. May be asked from any event loop; what comes back belongs to the loop that asked.

    `exclusive`: while one is open nobody else writes to the store. Whoever waits for another write before it ends one
    waits for ever. `limit_ms`: it is let go of when it has been open for so long; 0: never. `in_threads`: a function that
    isn't async can use the connection, from a thread of its own.
    """

    exclusive: bool
    limit_ms: int
    in_threads: bool

    async def begin(self, step: str) -> Transaction:
        """Open one. `step`: whose, for what errors say. Raises: WorldUnavailable, WorldFull; another try is harmless."""
        ...
