"""S9: what takes the rule of transactional steps out."""

from collections.abc import Sequence
from typing import Any

from perdure.engine.running import Opened
from perdure.engine.transaction import Enclosure
from perdure.errors import WorldUnavailable
from perdure.testing.simulation.store import Booked, Store
from perdure.world import Append, Outcome
from tests.faults.rules.patching import Patching, patch


def sent_again() -> Patching:
    """S9: a completion whose COMMIT was lost is sent again, plainly."""
    strict = Enclosure.poisoned

    def poisoned(enclosure: Enclosure, error: Exception) -> None:
        if not isinstance(error, WorldUnavailable) or enclosure._flight is None or enclosure._run.departure.gone:
            strict(enclosure, error)
            return
        run, running = enclosure._run, enclosure._flown()
        fact = run.outbox._flight[-1].fact
        run.sent = None
        run.outbox.withdraw(running.step.key)
        run.attempts.release(running.step.key)
        run.arrive(running.step.key, fact)
        enclosure._end(running)

    return patch.object(Enclosure, "poisoned", poisoned)


def rows_whatever_happens() -> Patching:
    """S9: rows are written though their completion is refused."""

    def commit_with(store: Store, append: Append, booked: Sequence[Booked]) -> Outcome:
        [outcome] = store.commit([append])
        store.booked += booked
        return outcome

    return patch.object(Store, "commit_with", commit_with)


def completed_first() -> Patching:
    """S9: the completion is recorded by itself, and the rows follow."""
    strict = Opened.commit

    async def commit(opened: Opened, append: Append) -> Any:
        transaction: Any = opened._transaction
        rows, transaction.connection.rows = transaction.connection.rows, []
        outcome = await strict(opened, append)
        await transaction._wire.ask("transactions.rows", lambda: transaction._store.booked.extend(rows))
        return outcome

    return patch.object(Opened, "commit", commit)
