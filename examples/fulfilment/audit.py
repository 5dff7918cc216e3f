"""Asks the provider's ledger whether everyone got what they paid for, once, and nobody else paid."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from examples.fulfilment.ledger import Entry
from examples.fulfilment.orders import Order

Books = Mapping[str, Sequence[Entry]]
"""An order's entries by kind."""


def audit(
    orders: Mapping[str, Order], fulfilled: Mapping[str, bool], ledger: Sequence[Entry], invoices: Collection[str]
) -> list[str]:
    """What is wrong, a sentence each; empty if all is right.

    `orders`: by id, all that were placed; `fulfilled`: by order id, whether its run completed, for all runs that ended;
    `invoices`: the ids of the orders that have one.
    """
    books: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in ledger:
        books[entry.order][entry.kind].append(entry)
    problems = [f"{id}: the provider acted for an order that was never placed" for id in books.keys() - orders.keys()]
    for id, order in orders.items():
        if id not in fulfilled:
            problems.append(f"{id}: its run never ended")
            continue
        if fulfilled[id] != (id in invoices):
            problems.append(f"{id}: {'fulfilled without' if fulfilled[id] else 'not fulfilled, but has'} an invoice")
        found = _fulfilled_problems(order, books[id]) if fulfilled[id] else _undone_problems(books[id])
        problems += [f"{id}: {problem}" for problem in found]
    return sorted(problems)


def _fulfilled_problems(order: Order, book: Books) -> list[str]:
    problems = [
        f"fulfilled, but its ledger has {len(book[kind])} of kind {kind} instead of {due}"
        for kind, due in (("charge", 1), ("reservation", 1), ("mail", 1), ("refund", 0), ("release", 0))
        if len(book[kind]) != due
    ]
    return problems + [
        f"charged {entry.amount} instead of {order.amount}"
        for entry in book["charge"]
        if Decimal(entry.amount) != order.amount
    ]


def _undone_problems(book: Books) -> list[str]:
    problems = ["not fulfilled, but a mail confirms it"] if book["mail"] else []
    for done, undone in (("charge", "refund"), ("reservation", "release")):
        given = [(entry.id, entry.amount) for entry in book[done]]
        taken_back = [(entry.undoes, entry.amount) for entry in book[undone]]
        if len(given) > 1:
            problems.append(f"not fulfilled, but its ledger has {len(given)} of kind {done}")
        if given != taken_back:
            problems.append(f"not fulfilled, but {_listed(done, given)} and {_listed(undone, taken_back)} don't match")
    return problems


def _listed(kind: str, entries: list[tuple[str, str]]) -> str:
    return f"{kind} " + (", ".join(f"{id} of {amount}" for id, amount in entries) or "none")
