"""The shop: orders, and refunds that know idempotency keys."""

from dataclasses import dataclass


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


def refund(order_id: str, key: str) -> str:
    """The refund's number; the same for the same key."""
    refunds.setdefault(key, order_id)
    return f"re_{[*refunds].index(key) + 1}"
