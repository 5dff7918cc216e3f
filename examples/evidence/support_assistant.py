"""A refund that somebody approves, by a shop that is down at first; a refused one; nobody decides; and one that waits."""

from examples.evidence.ending import ended
from examples.support_assistant import model, shop
from examples.support_assistant.workflows import refund_order, support
from perdure import HookInfo, Run, get_step_metadata, resume_hook, start
from perdure.chat.approval import Approval
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    model.PAUSE_S = 0
    shop.refunds.clear()
    for approved in (True, False):
        with lab.replace(refund_order, down_at_first):
            run, approval = await asked(lab)
            await resume_hook(approval.token, Approval(approved))
            await lab.advance("1m")
            await ended(run)
    await asked(lab)
    await lab.advance("24h")
    await asked(lab)


async def asked(lab: Lab) -> tuple[Run[str], HookInfo]:
    run = await start(support, [{"id": "1", "role": "user", "parts": [{"type": "text", "text": "Please refund o-1"}]}])  # type: ignore[list-item]
    return run, await lab.wait_for_hook(run)


async def down_at_first(order_id: str) -> str:
    if get_step_metadata().attempt == 1:
        raise ConnectionError("the shop can't be reached")
    return await refund_order.fn(order_id)
