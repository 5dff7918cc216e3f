"""The marketplace's API: a deal is made, shipped, and judged by its buyer."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.requests import Request

from examples.escrow.workflows import Deal, Shipped, Verdict, escrow, shipments, verdicts
from perdure import HookNotFound, PayloadInvalid, StartOptions, find_run, start
from perdure.http import wrap

api = FastAPI(title="Escrow")
api.add_middleware(wrap)


@api.exception_handler(HookNotFound)
async def nobody_waits(_request: Request, _error: HookNotFound) -> JSONResponse:
    return JSONResponse({"detail": "this deal doesn't wait for that"}, 404)


@api.exception_handler(PayloadInvalid)
async def no_verdict(_request: Request, error: PayloadInvalid) -> JSONResponse:
    return JSONResponse({"detail": error.reason, "path": error.path}, 422)


@api.post("/deals", status_code=202)
async def make(deal: Deal) -> dict[str, str]:
    run = await start(escrow, deal, options=StartOptions(idempotency_key=f"deal:{deal.deal_id}"))
    return {"runId": run.run_id, "status": await run.status()}


@api.get("/deals/{deal_id}")
async def look(deal_id: str) -> dict[str, object]:
    run = await find_run(f"deal:{deal_id}")
    if run is None:
        return {"status": "unknown"}
    info = await run.info()
    return {"runId": run.run_id, "status": info.status, "waiting": info.waiting_sentence, "result": info.result}


@api.post("/deals/{deal_id}/shipped", status_code=202)
async def shipped(deal_id: str, tracking: str) -> None:
    await shipments.resume(deal_id, Shipped(tracking))


@api.post("/deals/{deal_id}/verdict", status_code=202)
async def judge(deal_id: str, outcome: str) -> None:
    await verdicts.resume(deal_id, Verdict(outcome))  # type: ignore[arg-type] # checked by the hook's type
