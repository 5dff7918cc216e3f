"""The refund's own API: ask, follow, decide. Who may decide is checked here, against the hook's metadata."""

from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from pydantic import BaseModel

from examples.refund.workflows import Approval, RefundRequest, approvals, refund
from perdure import HookNotFound, StartOptions, get_run, start
from perdure.http import stream_response, wrap

api = FastAPI(title="Refunds")
api.add_middleware(wrap)  # its life cycle starts the worker: a restarted app resumes its runs


class Asked(BaseModel):
    order_id: str
    amount: Decimal
    approvers: list[str]


def current_user(x_user: Annotated[str, Header()]) -> str:
    """Whoever a real app's session says."""
    return x_user


@api.post("/refunds", status_code=202)
async def ask(body: Asked) -> dict[str, str]:
    request = RefundRequest(body.order_id, body.amount, body.approvers)
    run = await start(refund, request, options=StartOptions(idempotency_key=f"refund:{body.order_id}"))
    return {"runId": run.run_id, "status": await run.status()}


@api.get("/refunds/{run_id}")
async def look(run_id: str) -> dict[str, object]:
    info = (await get_run(run_id).info()).as_json()
    return {name: info[name] for name in ("runId", "status", "result", "waitingSentence")}


@api.get("/refunds/{run_id}/stream")  # reconnect: ?startIndex=N
async def follow(run_id: str, request: Request) -> Response:
    return stream_response(get_run(run_id), request)


@api.post("/refunds/{order_id}/decision", status_code=202)
async def decide(order_id: str, approved: bool, user: Annotated[str, Depends(current_user)]) -> dict[str, str]:
    try:
        hook = await approvals.get(order_id)
    except HookNotFound:
        raise HTTPException(404, "nobody waits for a decision on this order") from None
    if user not in hook.metadata["approvers"]:
        raise HTTPException(403, "not an approver of this refund")
    await approvals.resume(order_id, Approval(approved=approved, by=user))
    return {"runId": hook.run_id}
