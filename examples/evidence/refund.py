"""Approved by Ann while the provider is busy, refused, left alone for a day, over the limit; and one that waits."""

from decimal import Decimal
from typing import Any

from examples.evidence.ending import ended
from examples.refund import provider
from examples.refund.workflows import Approval, RefundRequest, approvals, refund
from perdure import Run, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    provider.reset(busy_first=2)
    for order, amount, approved in (("o-1", "12.50", True), ("o-2", "9.95", False), ("o-3", "5000", True)):
        run = await asked(lab, order, amount)
        await approvals.resume(order, Approval(approved, by="ann"))
        await lab.advance("5m")
        await ended(run)
    await asked(lab, "o-4", "20")
    await lab.advance("24h")
    await asked(lab, "o-5", "30")


async def asked(lab: Lab, order: str, amount: str) -> Run[Any]:
    run = await start(refund, RefundRequest(order, Decimal(amount), ["ann"]))
    await lab.wait_for_hook(run)
    return run
