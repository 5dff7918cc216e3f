"""A refund that somebody approves, by a shop that is down at first; a refused one; nobody decides; and one that waits."""

from examples.evidence.ending import ended
from examples.support_assistant import model, shop
from examples.support_assistant.workflows import refund_order, support
from perdure import Run, get_step_metadata, resume_hook, start
from perdure.chat.approval import Approval
from perdure.testing import Lab


async def play(lab: Lab) -> None:
    model.PAUSE_S = 0
    shop.refunds.clear()
    for session, approved in {"bob-1": True, "eve-1": False}.items():
        with lab.replace(refund_order, down_at_first):
            run = await asked(lab, session)
            [approval] = [hook async for hook in run.hooks() if hook.token.startswith("perdure-approval:")]
            await resume_hook(approval.token, Approval(approved))
            await lab.advance("2h")  # nobody says more
        await ended(run)
    unheard = await asked(lab, "ann-1")
    await lab.advance("26h")
    await ended(unheard)
    await asked(lab, "kim-1")


async def asked(lab: Lab, session: str) -> Run[list[str]]:
    """The chat, where it waits for approval."""
    message = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Please refund o-1"}]}
    run = await start(support, message, session)  # type: ignore[arg-type]
    await lab.rest()
    return run


async def down_at_first(order_id: str) -> str:
    if get_step_metadata().attempt == 1:
        raise ConnectionError("the shop can't be reached")
    return await refund_order.fn(order_id)
