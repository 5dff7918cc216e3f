"""The program: an order is charged, reserved, invoiced and confirmed, or else left without a trace.

Steps act, and may be tried several times; the workflow decides. Kill the process anywhere: another one goes on from
the last step that was recorded.
"""

import os
from asyncio import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from examples.fulfilment.gateway import ask
from examples.fulfilment.orders import Order
from perdure import Retry, get_step_metadata, step, workflow

PATIENT = Retry(max_retries=20, delay=0.2, max_delay=2)
VOID = "void\n"


@dataclass(frozen=True)
class Receipt:
    """What a fulfilled order leaves behind."""

    order_id: str
    charge_id: str
    amount: Decimal
    invoice: Path


@step(retry=PATIENT)
def charge(order: Order) -> str:
    """Takes the money; the charge's id."""
    return ask("/charges", order=order.id, amount=str(order.amount), card=order.card)


@step(retry=PATIENT)
def refund(order: Order, charge_id: str) -> str:
    """Gives the money back; the refund's id."""
    return ask("/refunds", order=order.id, amount=str(order.amount), undoes=charge_id)


@step(retry=PATIENT)
def reserve(order: Order) -> str:
    """Puts the goods aside; the reservation's id."""
    return ask("/reservations", order=order.id, item=order.item, quantity=str(order.quantity))


@step(retry=PATIENT)
def release(order: Order, reservation_id: str) -> str:
    """Puts the goods back on the shelf."""
    return ask("/releases", order=order.id, undoes=reservation_id)


@step
def write_invoice(order: Order, charge_id: str) -> Path:
    """Writes the invoice under its own name at once or not at all. What is there stays: it is the same, from an earlier
    attempt, or this attempt was frozen for so long that the invoice has been withdrawn meanwhile."""
    path = invoice_path(order.id)
    draft = path.with_suffix(f".draft-{os.getpid()}")
    day = get_step_metadata().started_at.date()  # of the first attempt, so the same in each
    text = (
        f"Invoice {order.id}, {day}\n{order.customer}\n{order.quantity} {order.item}\n{order.amount} EUR, {charge_id}\n"
    )
    draft.write_text(text, encoding="utf-8")
    with suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
    return path


@step
def withdraw_invoice(order: Order) -> None:
    """Leaves a void one in the invoice's place, also where there is none yet: a late attempt could still write it."""
    path = invoice_path(order.id)
    draft = path.with_suffix(f".void-{os.getpid()}")
    draft.write_text(VOID, encoding="utf-8")
    draft.replace(path)


@step(retry=PATIENT)
def notify(order: Order, invoice: Path) -> str:
    """Sends the invoice; the mail's id."""
    return ask("/mails", order=order.id, to=order.email, text=invoice.read_text(encoding="utf-8"))


@workflow
async def fulfil(order: Order) -> Receipt:
    """Fulfils an order. If a step after the charge fails for good, or the run is cancelled then, what was done is
    undone, and the run ends as failed or cancelled.
    """
    charge_id = await charge(order)
    try:
        reservation_id = await reserve(order)
        try:
            invoice = await write_invoice(order, charge_id)
            await notify(order, invoice)
        except (Exception, CancelledError):
            await withdraw_invoice(order)
            await release(order, reservation_id)
            raise
    except (Exception, CancelledError):
        await refund(order, charge_id)
        raise
    return Receipt(order.id, charge_id, order.amount, invoice)


def invoice_path(order_id: str) -> Path:
    """Where an order's invoice lies."""
    return Path(os.environ["INVOICES"], f"{order_id}.txt")


def invoiced(folder: Path) -> set[str]:
    """The ids of the orders that have an invoice which isn't void."""
    return {path.stem for path in folder.glob("*.txt") if path.read_text(encoding="utf-8") != VOID}
