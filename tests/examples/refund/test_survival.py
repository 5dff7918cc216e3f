"""The refund where everything goes wrong that can: its own steps and provider; and a planted bug is found."""

import uuid
from decimal import Decimal
from typing import Any

import pytest

from examples.refund import provider
from examples.refund.workflows import Approval, RefundRequest, approvals, refund, refund_payment
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms

REQUEST = RefundRequest("o-1", Decimal("9.95"), ["ann"])
APPROVED = {f"{approvals.prefix}:*": Approval(approved=True, by="ann")}
REFUSED = {f"{approvals.prefix}:*": Approval(approved=False, by="ann")}


def busy_provider(effects: Effects) -> dict[Any, Any]:
    provider.reset(busy_first=2)
    return {}


@pytest.mark.parametrize(
    ("payloads", "status", "refunds"),
    [(APPROVED, "refunded", 1), (REFUSED, "refused", 0), ({}, "refused", 0)],
    ids=["approved", "refused", "nobody"],
)
def test_the_money_moves_once_or_not_at_all(payloads: dict[str, Any], status: str, refunds: int) -> None:
    def books(outcome: Outcome) -> None:
        assert f'"status":"{status}"' in outcome.end
        assert (len(provider.refunds), len(provider.mails)) == (refunds, 1)

    simulate(refund, REQUEST, steps=busy_provider, payloads=payloads, seeds=storms(3), check=books)


async def refund_without_a_key(request: RefundRequest) -> str:
    body = {"order": request.order_id, "amount": str(request.amount)}
    answer = await provider.client.post("/refunds", json=body, headers={"idempotency-key": uuid.uuid4().hex})
    return answer.json()["id"]


def test_a_refund_without_a_key_is_found() -> None:
    def careless(effects: Effects) -> dict[Any, Any]:
        provider.reset()
        return {refund_payment: refund_without_a_key}

    def books(outcome: Outcome) -> None:
        assert len(provider.refunds) == 1, f"{len(provider.refunds)} refunds were made"

    with pytest.raises(Broken, match="and 2 refunds were made") as found:
        simulate(refund, REQUEST, steps=careless, payloads=APPROVED, check=books)
    [fault] = found.value.faults
    assert fault == "worker 1, killed before commit of step_completed"
