"""The refund: who decides, and what follows."""

from dataclasses import dataclass
from decimal import Decimal

from examples.refund.provider import client as payments
from perdure import (
    FatalError,
    RetryableError,
    define_hook,
    get_step_metadata,
    get_writable,
    race,
    sleep,
    step,
    workflow,
)


@dataclass
class RefundRequest:
    order_id: str
    amount: Decimal
    approvers: list[str]


@dataclass
class Approval:
    approved: bool
    by: str = "nobody"


@dataclass
class Progress:
    stage: str
    refund_id: str | None = None


@dataclass
class Refund:
    status: str
    refund_id: str | None = None


approvals = define_hook(Approval, prefix="refund-approval")


@step
async def ask_manager(request: RefundRequest, token: str) -> None:
    key = get_step_metadata().step_id
    mail = {"to": request.approvers, "token": token, "amount": str(request.amount)}
    (await payments.post("/mail", json=mail, headers={"idempotency-key": key})).raise_for_status()


@step(max_retries=5, timeout="30s")
async def refund_payment(request: RefundRequest) -> str:
    key = get_step_metadata().step_id
    body = {"order": request.order_id, "amount": str(request.amount)}
    answer = await payments.post("/refunds", json=body, headers={"idempotency-key": key})
    if answer.status_code == 429:
        raise RetryableError("rate limited", retry_after="1m")
    if answer.status_code == 409:  # refunded already under this key: that is success
        return str(answer.json()["detail"])
    if 400 <= answer.status_code < 500:
        raise FatalError(f"refused by the provider: {answer.text}")
    answer.raise_for_status()
    return str(answer.json()["id"])


@workflow
async def refund(request: RefundRequest) -> Refund:
    progress = get_writable(Progress)
    async with approvals.create(request.order_id, metadata={"approvers": request.approvers}) as approval:
        await ask_manager(request, approval.token)
        await progress.write(Progress("asked"))
        decision = await race(approval, sleep("24h", result=Approval(approved=False)))
    if not decision.approved:
        return Refund("refused")
    refund_id = await refund_payment(request)
    await progress.write(Progress("refunded", refund_id))
    return Refund("refunded", refund_id)
