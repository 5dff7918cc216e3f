from dataclasses import replace
from decimal import Decimal

import pytest

from examples.fulfilment.audit import audit
from examples.fulfilment.ledger import Entry
from examples.fulfilment.orders import Order

ORDERS = {
    id: Order(id, "Ann", "ann@mail.example", "moka pot", 1, Decimal("39.00"), "card-1")
    for id in ("A-1", "A-2", "A-3", "A-4")
}
FULFILLED = {"A-1": True, "A-2": False, "A-3": False, "A-4": False}  # A-2 sold out, A-3 declined, A-4 mail refused
LEDGER = [
    Entry("charge-1", "charge", "A-1", "k1", "39.00"),
    Entry("reservation-2", "reservation", "A-1", "k2"),
    Entry("mail-3", "mail", "A-1", "k3"),
    Entry("charge-4", "charge", "A-2", "k4", "39.00"),
    Entry("refund-5", "refund", "A-2", "k5", "39.00", undoes="charge-4"),
    Entry("charge-6", "charge", "A-4", "k6", "39.00"),
    Entry("reservation-7", "reservation", "A-4", "k7"),
    Entry("release-8", "release", "A-4", "k8", undoes="reservation-7"),
    Entry("refund-9", "refund", "A-4", "k9", "39.00", undoes="charge-6"),
]


def without(*ids: str) -> list[Entry]:
    return [entry for entry in LEDGER if entry.id not in ids]


def test_an_honest_ledger_passes() -> None:
    assert audit(ORDERS, FULFILLED, LEDGER, {"A-1"}) == []


@pytest.mark.parametrize(
    ("ledger", "problem"),
    [
        (
            [*LEDGER, Entry("charge-10", "charge", "A-1", "k10", "39.00")],
            "A-1: fulfilled, but its ledger has 2 of kind charge instead of 1",
        ),
        (without("charge-1"), "A-1: fulfilled, but its ledger has 0 of kind charge instead of 1"),
        (without("mail-3"), "A-1: fulfilled, but its ledger has 0 of kind mail instead of 1"),
        (
            [*LEDGER, Entry("refund-10", "refund", "A-1", "k10", "39.00", undoes="charge-1")],
            "A-1: fulfilled, but its ledger has 1 of kind refund instead of 0",
        ),
        ([replace(LEDGER[0], amount="3.90"), *LEDGER[1:]], "A-1: charged 3.90 instead of 39.00"),
        (
            without("refund-5"),
            "A-2: not fulfilled, but charge charge-4 of 39.00 and refund none don't match",
        ),
        (
            [*LEDGER, Entry("refund-10", "refund", "A-2", "k10", "39.00", undoes="charge-4")],
            "A-2: not fulfilled, but charge charge-4 of 39.00 "
            "and refund charge-4 of 39.00, charge-4 of 39.00 don't match",
        ),
        (
            [*LEDGER, Entry("charge-10", "charge", "A-3", "k10", "39.00")],
            "A-3: not fulfilled, but charge charge-10 of 39.00 and refund none don't match",
        ),
        (
            without("release-8"),
            "A-4: not fulfilled, but reservation reservation-7 of 0.00 and release none don't match",
        ),
        ([*LEDGER, Entry("mail-10", "mail", "A-4", "k10")], "A-4: not fulfilled, but a mail confirms it"),
        (
            [*LEDGER, Entry("charge-10", "charge", "A-9", "k10", "1.00")],
            "A-9: the provider acted for an order that was never placed",
        ),
    ],
)
def test_a_tampered_ledger_fails(ledger: list[Entry], problem: str) -> None:
    assert audit(ORDERS, FULFILLED, ledger, {"A-1"}) == [problem]


def test_two_charges_that_are_both_refunded_are_one_too_many() -> None:
    again = [
        Entry("charge-10", "charge", "A-2", "k10", "39.00"),
        Entry("refund-11", "refund", "A-2", "k11", "39.00", undoes="charge-10"),
    ]
    assert audit(ORDERS, FULFILLED, LEDGER + again, {"A-1"}) == [
        "A-2: not fulfilled, but its ledger has 2 of kind charge"
    ]


def test_a_run_that_never_ended_fails() -> None:
    ended = {id: fulfilled for id, fulfilled in FULFILLED.items() if id != "A-3"}
    assert audit(ORDERS, ended, LEDGER, {"A-1"}) == ["A-3: its run never ended"]


def test_invoices_lie_where_they_are_due() -> None:
    assert audit(ORDERS, FULFILLED, LEDGER, {"A-2"}) == [
        "A-1: fulfilled without an invoice",
        "A-2: not fulfilled, but has an invoice",
    ]
