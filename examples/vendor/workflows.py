"""The shipment: book it with the carrier, then take its callbacks until the parcel has arrived, or two weeks are over."""

import os
from dataclasses import dataclass, field

from perdure import create_webhook, get_step_metadata, set_attributes, step, timeout, workflow
from perdure.http.verify import StandardWebhooks

# Rotation: the new secret first, the old one until the carrier has the new.
SECRETS = os.environ.get("CARRIER_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").split(",")
carrier = StandardWebhooks(*SECRETS, name="carrier")

bookings: dict[str, str] = {}
"""The carrier's own books: a booking key to where it calls back. A second booking with a key changes nothing."""


@dataclass
class Shipment:
    order_id: str
    arrived: bool
    history: list[str] = field(default_factory=list[str])


@step
async def book(order_id: str, callback_url: str) -> str:
    key = get_step_metadata().step_id
    bookings.setdefault(key, callback_url)
    return f"parcel-{order_id}"


@step
async def search_for(parcel: str) -> None:
    """Somebody at the carrier's is asked to look."""


@workflow
async def ship(order_id: str) -> Shipment:
    shipment, seen = Shipment(order_id, arrived=False), set[str]()
    async with create_webhook(verify=carrier, token=f"carrier:{order_id}") as callbacks:
        parcel = await book(order_id, callbacks.url)
        try:
            async with timeout("14d"):
                async for request in callbacks:
                    if request.headers["webhook-id"] in seen:
                        continue  # the carrier calls again where our answer got lost
                    seen.add(request.headers["webhook-id"])
                    event = request.json()
                    shipment.history.append(event["status"])
                    await set_attributes(parcel=event["status"])
                    if event["status"] == "delivered":
                        shipment.arrived = True
                        break
        except TimeoutError:
            await search_for(parcel)
    return shipment
