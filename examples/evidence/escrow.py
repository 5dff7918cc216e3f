"""Paid by a bank that is down at first, disputed, never shipped, over nothing; and one whose parcel is awaited."""

from collections.abc import Callable

from examples.escrow.workflows import Deal, Shipped, Verdict, escrow, hold, ledger, shipments, verdicts
from examples.evidence.ending import ended
from perdure import get_step_metadata, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    ledger.clear()
    with lab.replace(hold, down_at_first(hold.fn)):
        paid = await start(escrow, Deal("d-1", "ann", "bob", 500))
        await lab.advance("1m")
    await lab.wait_for_hook(paid)
    await shipments.resume("d-1", Shipped("t-1"))
    await lab.advance("14d")
    disputed = await start(escrow, Deal("d-2", "ann", "bob", 700))
    await lab.wait_for_hook(disputed)
    await shipments.resume("d-2", Shipped("t-2"))
    await lab.rest()
    await verdicts.resume("d-2", Verdict("disputed"))
    await start(escrow, Deal("d-3", "ann", "bob", 900))
    await lab.advance("3d")
    await ended(await start(escrow, Deal("d-4", "ann", "bob", 0)))
    await lab.wait_for_hook(await start(escrow, Deal("d-5", "ann", "bob", 300)))


def down_at_first(body: Callable[[Deal], object]) -> Callable[[Deal], object]:
    async def fails_once(deal: Deal) -> None:
        if get_step_metadata().attempt == 1:
            raise ConnectionError("the bank can't be reached")
        await body(deal)  # type: ignore[misc]

    return fails_once
