"""A commit's operations, in order, in the transaction of the writer."""

from collections.abc import Sequence

from perdure.world import Append, Operation, Outcome, Start
from perdure.worlds.sqlite.append import append
from perdure.worlds.sqlite.mail import send
from perdure.worlds.sqlite.start import start
from perdure.worlds.sqlite.transaction import Transaction


def commit(transaction: Transaction, operations: Sequence[Operation]) -> list[Outcome]:
    return [_apply(transaction, operation) for operation in operations]


def _apply(transaction: Transaction, operation: Operation) -> Outcome:
    if isinstance(operation, Append):
        return append(transaction, operation)
    if isinstance(operation, Start):
        return start(transaction, operation)
    return send(transaction, operation)
