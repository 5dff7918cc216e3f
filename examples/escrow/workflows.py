"""The escrow: the buyer's money is held until the goods are there, or the deal is off."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from perdure import FatalError, define_hook, get_step_metadata, race, sleep, step, timeout, workflow

ledger: dict[str, tuple[str, str, int]] = {}
"""The bank's: an idempotency key to what it did (what, for whom, cents)."""


@dataclass
class Deal:
    deal_id: str
    buyer: str
    seller: str
    cents: int


@dataclass
class Shipped:
    tracking: str


@dataclass
class Verdict:
    outcome: Literal["received", "disputed"]


shipments = define_hook(Shipped, prefix="escrow-shipped")
verdicts = define_hook(Verdict, prefix="escrow-verdict")


@step
async def hold(deal: Deal) -> None:
    if deal.cents <= 0:
        raise FatalError(f"deal {deal.deal_id} is over nothing")
    ledger.setdefault(get_step_metadata().step_id, ("hold", deal.buyer, deal.cents))


@step
async def pay_out(deal: Deal) -> None:
    ledger.setdefault(get_step_metadata().step_id, ("pay", deal.seller, deal.cents))


@step
async def give_back(deal: Deal) -> None:
    ledger.setdefault(get_step_metadata().step_id, ("give back", deal.buyer, deal.cents))


def balance() -> Counter[str]:
    """What each side has got; the bank's own share must be 0 once every deal is over."""
    moved: Counter[str] = Counter()
    for what, who, cents in ledger.values():
        moved["bank"] += cents if what == "hold" else -cents
        moved[who] += -cents if what == "hold" else cents
    return moved


@workflow
async def escrow(deal: Deal) -> str:
    """Three days to ship, fourteen to object; silence is consent. A cancelled deal gives the money back."""
    await hold(deal)
    try:
        async with shipments.create(deal.deal_id) as shipment, verdicts.create(deal.deal_id) as verdict:
            try:
                async with timeout("3d"):
                    await shipment
            except TimeoutError:
                await give_back(deal)
                return "never shipped"
            said = await race(verdict, sleep("14d", result=Verdict("received")))
    except asyncio.CancelledError:
        await give_back(deal)  # as durable as the rest
        raise
    if said.outcome == "disputed":
        await give_back(deal)
        return "disputed"
    await pay_out(deal)
    return "paid"
