"""The assistant: what it may do, and what it has to ask for."""

from pydantic_ai.messages import ModelResponse

from examples.support_assistant import model, shop
from perdure import FatalError, get_step_metadata, step, workflow
from perdure.agent import DurableAgent, UIMessage, tool

INSTRUCTIONS = "You are a careful support agent of a shop. Look orders up before you say anything about them."


@step
async def look_up_order(order_id: str) -> str:
    """Look up an order: what it is, and where it is."""
    order = shop.ORDERS.get(order_id)
    if order is None:
        raise FatalError(f"there is no order {order_id}")
    return f"{order_id} is {order.item} for {order.amount} €, {order.status}."


@step(max_retries=5)
async def refund_order(order_id: str) -> str:
    """Refund an order. Somebody of the shop approves it first."""
    try:
        return f"It is refunded: {shop.refund(order_id, get_step_metadata().step_id)}."
    except shop.Refunded as error:
        raise FatalError(str(error)) from error


@workflow
async def support(message: UIMessage, session: str) -> list[str]:
    """A session is one run, until nothing has come for an hour; what the assistant has said in it."""
    agent = DurableAgent(
        model.chosen(),
        instructions=INSTRUCTIONS,
        tools=[look_up_order, tool(refund_order, needs_approval=True)],
        name="support",
        approval_timeout="24h",
    )
    messages = await agent.converse(message, idle="1h")
    return [answer.text.strip() for answer in messages if isinstance(answer, ModelResponse) and answer.text]
