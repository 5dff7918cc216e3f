"""The assistant where everything goes wrong that can: a refund, and more is said; and a planted bug is found."""

import json
import uuid
from typing import Any

import pytest

from examples.support_assistant import shop
from examples.support_assistant.workflows import refund_order, support
from perdure.chat.approval import Approval
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms
from tests.examples.support_assistant.said import AGAIN, END, IS, REFUND, later, message

CHAT, APPROVALS = "perdure-chat:*", "perdure-approval:*"
APPROVED = {CHAT: [later(AGAIN, "m2"), END], APPROVALS: Approval(True)}
REFUSED = {CHAT: END, APPROVALS: Approval(False, "not within 30 days")}
NOBODY = {CHAT: END}


def new_books(effects: Effects) -> dict[Any, Any]:
    shop.refunds.clear()
    return {}


@pytest.mark.parametrize(
    ("payloads", "said", "refunded"),
    [
        (APPROVED, [f"{IS} It is refunded: re_1.", "Let me look up o-1.", IS], ["o-1"]),
        (REFUSED, [f"{IS} not within 30 days"], []),
        (NOBODY, [f"{IS} nobody decided in time"], []),
    ],
    ids=["approved", "refused", "nobody"],
)
def test_an_order_is_refunded_once_or_not_at_all(
    payloads: dict[str, Any], said: list[str], refunded: list[str]
) -> None:
    result = json.dumps(
        ["Let me look up o-1.", "I'll ask for a refund.", *said], ensure_ascii=False, separators=(",", ":")
    )

    def books(outcome: Outcome) -> None:
        assert outcome.end == f"the result {result}"
        assert [*shop.refunds.values()] == refunded

    simulate(support, message(REFUND), "ann-1", steps=new_books, payloads=payloads, seeds=storms(3), check=books)


def test_a_refund_without_a_key_is_found() -> None:
    def careless(effects: Effects) -> dict[Any, Any]:
        shop.refunds.clear()
        return {refund_order: lambda order_id: shop.refunds.setdefault(uuid.uuid4().hex, order_id)}

    def books(outcome: Outcome) -> None:
        assert len(shop.refunds) == 1, f"{len(shop.refunds)} refunds were made"

    with pytest.raises(Broken, match="and 2 refunds were made") as found:
        simulate(support, message(REFUND), "ann-1", steps=careless, payloads=APPROVED, check=books)
    [fault] = found.value.faults
    assert fault.startswith("worker 1, killed before commit of ") and "step_completed" in fault
