"""Delivered, by a carrier that is down at first; lost; refused by the carrier; and one that waits for its callbacks."""

import base64
import hashlib
import hmac
import json
import os
from datetime import datetime

import httpx

from examples.evidence.ending import ended
from examples.vendor.app import api
from examples.vendor.workflows import SECRETS, book, bookings, ship
from perdure import FatalError, get_step_metadata, start
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    os.environ["PERDURE_BASE_URL"] = "https://app.example"
    bookings.clear()
    with lab.replace(book, busy_at_first):
        delivered = await start(ship, "o-1")
        await lab.advance("1m")
    await lab.wait_for_hook(delivered)
    for number, status in enumerate(("picked up", "in Oslo", "delivered")):
        await calls("o-1", f"m{number}", json.dumps({"status": status}), lab.now())
    await ended(delivered)
    await start(ship, "o-2")
    await lab.advance("14d")
    with lab.replace(book, refuses):
        await ended(await start(ship, "o-3"))
    await lab.wait_for_hook(await start(ship, "o-4"))
    await lab.rest()


async def busy_at_first(order_id: str, callback_url: str) -> str:
    if get_step_metadata().attempt == 1:
        raise ConnectionError("the carrier can't be reached")
    return await book.fn(order_id, callback_url)


async def refuses(order_id: str, callback_url: str) -> str:
    raise FatalError("the carrier goes nowhere near")


async def calls(order_id: str, message_id: str, body: str, at: datetime) -> None:
    """As the carrier does: signed by the Standard Webhooks specification."""
    timestamp = str(int(at.timestamp()))
    key = base64.b64decode(SECRETS[0].removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), hashlib.sha256)).decode()
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(transport=transport, base_url="https://app.example", headers=headers) as carrier:
        answer = await carrier.post(f"/.well-known/workflow/v1/webhook/carrier%3A{order_id}", content=body)
        answer.raise_for_status()
