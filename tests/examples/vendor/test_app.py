"""Signed callbacks reach the run, once each and in order, over crashes; forged, old and unsigned ones don't."""

import base64
import hashlib
import hmac
import json
import time

import pytest

from examples.vendor.app import api
from examples.vendor.workflows import SECRETS, Shipment, bookings, search_for
from perdure import get_run
from perdure.testing import Lab
from tests.examples.client import client_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("reachable")]

URL = "/.well-known/workflow/v1/webhook/carrier%3Ao-1"
TOKEN = "carrier:o-1"


def signed(
    event: dict[str, str], message_id: str, *, at_s: float | None = None, secret: str = SECRETS[0]
) -> dict[str, str]:
    """The headers of a callback, by the Standard Webhooks specification."""
    timestamp = str(int(time.time() if at_s is None else at_s))
    content = f"{message_id}.{timestamp}.{json.dumps(event)}".encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": f"v1,{signature}"}


async def test_a_parcel_arrives(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/orders/o-1/shipment")).json()["runId"], Shipment)
        await lab.wait_for_hook(run, TOKEN)
        for number, status in enumerate(("picked up", "in Oslo", "delivered")):
            event = {"status": status}
            answer = await client.post(URL, content=json.dumps(event), headers=signed(event, f"m{number}"))
            assert answer.status_code == 202
        assert await run.result() == Shipment("o-1", True, ["picked up", "in Oslo", "delivered"])
        assert [*bookings.values()] == [f"https://app.example{URL}"]
        assert (await run.info()).attributes == {"parcel": "delivered"}


async def test_a_crash_and_a_callback_that_comes_twice(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/orders/o-1/shipment")).json()["runId"], Shipment)
        await lab.wait_for_hook(run, TOKEN)
        for number, status in enumerate(("picked up", "picked up again", "delivered")):
            event = {"status": status}
            for _ in range(2):  # the answer to the first got lost
                await client.post(URL, content=json.dumps(event), headers=signed(event, f"m{number}"))
            await lab.crash()
        assert await run.result() == Shipment("o-1", True, ["picked up", "picked up again", "delivered"])
        await lab.crash_everywhere(run)
        assert len(bookings) == 1


async def test_what_the_carrier_did_not_sign_reaches_nobody(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/orders/o-1/shipment")).json()["runId"], Shipment)
        await lab.wait_for_hook(run, TOKEN)
        event, other = {"status": "delivered"}, "whsec_" + base64.b64encode(b"another secret, of nobody").decode()
        for headers in (
            {},
            signed(event, "m", secret=other),
            signed(event, "m", at_s=time.time() - 3600),
            signed({"status": "lost"}, "m"),
        ):
            assert (await client.post(URL, content=json.dumps(event), headers=headers)).status_code == 401
        unknown = await client.post(f"{URL}9", content=json.dumps(event), headers=signed(event, "m"))
        assert (unknown.status_code, unknown.content) == (404, b"")
        assert "hook_received" not in [info.type async for info in run.events()]
        await run.cancel(grace=0)


async def test_two_weeks_without_a_word(lab: Lab) -> None:
    async with client_of(api) as client:
        run = get_run((await client.post("/orders/o-1/shipment")).json()["runId"], Shipment)
        await lab.wait_for_hook(run, TOKEN)
        await lab.advance("14d")
        assert await run.result() == Shipment("o-1", False)
        assert len(lab.calls(search_for)) == 1
