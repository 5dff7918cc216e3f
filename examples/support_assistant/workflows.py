"""The assistant: what it may do, and what it has to ask for."""

from examples.support_assistant import model, shop
from perdure import FatalError, get_step_metadata, get_writable, step, workflow
from perdure.agent import DurableAgent, UIMessage, UIMessageChunk, tool

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
    return f"It is refunded: {shop.refund(order_id, get_step_metadata().step_id)}."


@workflow
async def support(messages: list[UIMessage]) -> str:
    agent = DurableAgent(
        model.chosen(),
        instructions=INSTRUCTIONS,
        tools=[look_up_order, tool(refund_order, needs_approval=True)],
        name="support",
        approval_timeout="24h",
    )
    return (await agent.stream(messages, writable=get_writable(UIMessageChunk))).text
