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
    """Looks the order up that it was told of, refunds it where that was asked for, and says what it has done."""
    parts = [part for message in messages for part in message.parts]
    last = max(place for place, part in enumerate(parts) if part.part_kind == "user-prompt")
    asked = str(getattr(parts[last], "content", ""))
    given = {part.tool_name: part.content for part in parts[last:] if part.part_kind == "tool-return"}
    order = re.search(r"\bo-\d+\b", asked)
    if order is None:
        text = "Which order is it? I need its number, such as o-1."
    elif "look_up_order" not in given:
        text = f"Let me look up {order[0]}."
    elif "refund" in asked and "refund_order" not in given:
        text = "I'll ask for a refund."
    else:
        text = f"{given['look_up_order']} {given.get('refund_order', '')}"
    for word in text.split(" "):
        yield f"{word} "
        await asyncio.sleep(PAUSE_S)
    tool = {"Let": "look_up_order", "I'll": "refund_order"}.get(text.split(" ")[0])
    if tool is not None and order is not None:
        yield {1: DeltaToolCall(name=tool, json_args=f'{{"order_id": "{order[0]}"}}')}


def chosen() -> Model | str:
    return os.environ.get("PERDURE_MODEL") or FunctionModel(stream_function=speak)
