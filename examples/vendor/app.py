"""An app with one route of its own. The webhooks' route is perdure's: only requests that the carrier signed reach a run."""

from fastapi import FastAPI

from examples.vendor.workflows import ship
from perdure import StartOptions, start
from perdure.http import wrap

api = FastAPI(title="Shipments")
api.add_middleware(wrap)


@api.post("/orders/{order_id}/shipment", status_code=202)
async def begin(order_id: str) -> dict[str, str]:
    run = await start(ship, order_id, options=StartOptions(idempotency_key=f"ship:{order_id}"))
    return {"runId": run.run_id, "status": await run.status()}
