"""`get_connection`: how a transactional step reaches the store's tables."""

from typing import Any

from perdure.errors import NotInStep, TransactionInvalid
from perdure.replay.scope import current_attempt


def get_connection() -> Any:
    """The connection of this step, `@step(transaction=True)`: what is written through it and the step's completion are one
    transaction.

    On PostgreSQL an `asyncpg.Connection`, on SQLite an `apsw.Connection`, in a transaction that is open: leave COMMIT and
    ROLLBACK to perdure. It is of no use once the step has ended. Raises: NotInStep, TransactionInvalid in a step that has
    no transaction.
    """
    attempt = current_attempt()
    if attempt is None:
        raise NotInStep("get_connection")
    if not attempt.in_transaction:
        raise TransactionInvalid(attempt.step_name, "it has none; write @step(transaction=True)")
    return attempt.connection
