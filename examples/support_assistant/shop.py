"""The shop: who works there, orders, and refunds that know idempotency keys."""

from dataclasses import dataclass

STAFF = ("sam",)


@dataclass(frozen=True)
class Order:
    order_id: str
    item: str
    amount: int
    status: str


ORDERS = {
    "o-1": Order("o-1", "a kettle", 35, "delivered"),
    "o-2": Order("o-2", "a piano", 4000, "on its way"),
}
refunds: dict[str, str] = {}
"""The order, by the key under which it was refunded."""


class Refunded(Exception):
    """It was refunded before, under another key."""


def refund(order_id: str, key: str) -> str:
    """The refund's number; the same for the same key. Raises: Refunded."""
    if key not in refunds and order_id in refunds.values():
        raise Refunded(f"{order_id} was refunded before")
    refunds.setdefault(key, order_id)
    return f"re_{[*refunds].index(key) + 1}"
