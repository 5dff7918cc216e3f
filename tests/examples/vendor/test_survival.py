"""The parcel where everything goes wrong that can; and with bugs planted, which are found."""

import json
import uuid
from typing import Any

import pytest

from examples.vendor.workflows import book, bookings, carrier, ship
from perdure import WebhookRequest, create_webhook, workflow
from perdure.testing import Broken, Effects, Outcome, simulate
from tests.examples.storms import storms


def call(number: int, status: str) -> WebhookRequest:
    body = json.dumps({"status": status}).encode()
    return WebhookRequest(method="POST", url="", header_pairs=(("Webhook-Id", f"m{number}"),), body=body)


pytestmark = pytest.mark.usefixtures("reachable")
UNDER_WAY = [call(1, "picked up"), call(2, "in Oslo")]
DELIVERED = [*UNDER_WAY, call(3, "delivered")]


def new_books(effects: Effects) -> dict[Any, Any]:
    bookings.clear()
    return {}


@pytest.mark.parametrize(
    ("calls", "arrived", "history"),
    [(DELIVERED, "true", '["picked up","in Oslo","delivered"]'), (UNDER_WAY, "false", '["picked up","in Oslo"]')],
    ids=["delivered", "lost"],
)
def test_each_callback_counts_once_and_the_parcel_is_booked_once(
    calls: list[WebhookRequest], arrived: str, history: str
) -> None:
    def books(outcome: Outcome) -> None:
        assert f'"arrived":{arrived},"history":{history}' in outcome.end
        assert [url.rpartition("/")[2] for url in bookings.values()] == ["carrier%3Ao-1"]

    simulate(ship, "o-1", steps=new_books, payloads={"carrier:*": calls}, seeds=storms(2), check=books)


def test_a_second_booking_is_found() -> None:
    def careless(effects: Effects) -> dict[Any, Any]:
        bookings.clear()
        return {book: lambda order_id, url: bookings.setdefault(uuid.uuid4().hex, url)}

    def books(outcome: Outcome) -> None:
        assert len(bookings) == 1, f"{len(bookings)} bookings"

    with pytest.raises(Broken, match="and 2 bookings"):
        simulate(ship, "o-1", steps=careless, payloads={"carrier:*": DELIVERED}, check=books)


@workflow(name="vendor:counts_every_call")
async def counts_every_call(order_id: str) -> list[str]:
    """A bug: it doesn't look at the id of what it is told."""
    async with create_webhook(verify=carrier, token=f"carrier:{order_id}") as callbacks:
        return [(await callbacks).json()["status"] for _ in DELIVERED]


def test_who_takes_a_repeated_callback_for_another_is_found() -> None:
    with pytest.raises(Broken) as found:
        simulate(counts_every_call, "o-1", payloads={"carrier:*": DELIVERED})
    assert found.value.expected == 'the result ["picked up","in Oslo","delivered"]'
    assert found.value.faults[-1].endswith("came twice to the webhook 'carrier:o-1'")
