"""Fulfilled though the provider breaks down at first, sold out, and without a mail: what was done is undone. Its steps are
answered here, for the provider is a program of its own."""

from decimal import Decimal
from pathlib import Path

from examples.evidence.ending import ended
from examples.fulfilment.orders import Order
from examples.fulfilment.workflows import (
    charge,
    fulfil,
    notify,
    refund,
    release,
    reserve,
    withdraw_invoice,
    write_invoice,
)
from perdure import FatalError, get_step_metadata, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    lab.replace(charge, breaks_down_at_first)
    lab.replace(reserve, lambda order: "rs-1" if order.quantity < 9 else sold_out(order))
    lab.replace(write_invoice, lambda order, charge_id: Path(f"{order.id}.txt"))
    lab.replace(notify, lambda order, invoice: "ml-1" if "@" in order.email else no_address(order))
    lab.replace(withdraw_invoice, lambda order: None)
    for step in (refund, release):
        lab.replace(step, lambda order, done: f"undone-{done}")
    for number, (quantity, email) in enumerate(((2, "ann@mail.example"), (9, "bob@mail.example"), (1, "nowhere")), 1):
        run = await start(fulfil, Order(f"A-{number}", "Ann", email, "moka pot", quantity, Decimal("78.00"), "card-1"))
        await lab.advance("1m")
        await ended(run)


def breaks_down_at_first(order: Order) -> str:
    if get_step_metadata().attempt == 1:
        raise ConnectionError("the provider can't be reached")
    return f"ch-{order.id}"


def sold_out(order: Order) -> str:
    raise FatalError(f"{order.item} is sold out")


def no_address(order: Order) -> str:
    raise FatalError(f"{order.email} is no address")
