"""The model: a real one where `PERDURE_MODEL` names it (`anthropic:claude-haiku-4-5`), else one that knows a few words."""

import asyncio
import os
import re
from collections.abc import AsyncIterator

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel

PAUSE_S = 0.02


async def speak(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[str | DeltaToolCalls]:
    """Looks up the order that it was told of last, refunds it where that is asked for, and says what it has done."""
    parts = [part for message in messages for part in message.parts]
    last = max(place for place, part in enumerate(parts) if part.part_kind == "user-prompt")
    told = [str(getattr(part, "content", "")) for part in parts[: last + 1] if part.part_kind == "user-prompt"]
    given = {part.tool_name: part.content for part in parts[last:] if part.part_kind == "tool-return"}
    orders = re.findall(r"\bo-\d+\b", " ".join(told))
    tool = None
    if not orders:
        text = "Which order is it? I need its number, such as o-1."
    elif "look_up_order" not in given:
        text, tool = f"Let me look up {orders[-1]}.", "look_up_order"
    elif "refund" in told[-1] and "refund_order" not in given:
        text, tool = "I'll ask for a refund.", "refund_order"
    else:
        text = f"{given['look_up_order']} {given.get('refund_order', '')}"
    for word in text.split(" "):
        yield f"{word} "
        await asyncio.sleep(PAUSE_S)
    if tool is not None:
        yield {1: DeltaToolCall(name=tool, json_args=f'{{"order_id": "{orders[-1]}"}}')}


def chosen() -> Model | str:
    # Whichever it is, a replay has what was said.
    named = os.environ.get("PERDURE_MODEL")  # perdure: ignore[environment]
    return named or FunctionModel(stream_function=speak)
