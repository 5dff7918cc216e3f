"""`python -m tests.http.chat.served FOLDER PORT CHAT`: a chat with a model of a script, for real clients; prints its port.

CHAT is `single`, one run for each message, or `many`, one for all turns.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaThinkingPart, DeltaToolCall, FunctionModel

from perdure import FatalError, Retry, configure, get_step_metadata, get_writable, step, workflow
from perdure.agent import DurableAgent, UIMessage, UIMessageChunk, tool
from perdure.http import loopback, wrap

GAP_S = 0.001
SLOW_S = 0.15


@step(name="served:look-up")
async def look_up(order: str) -> dict[str, Any]:
    """Look up an order."""
    return {"order": order, "note": None}


@step(name="served:refund")
async def refund(order: str) -> str:
    """Refund an order."""
    return f"refunded {order}"


async def speak(messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
    """What it does is in the last prompt: look, refund, fail, break, slow, count."""
    parts = [part for message in messages for part in message.parts]
    prompts = [place for place, part in enumerate(parts) if part.part_kind == "user-prompt"]
    asked, since = str(parts[prompts[-1]].content), parts[prompts[-1] :]  # type: ignore[union-attr]
    called = [part.tool_name for part in since if part.part_kind == "tool-return"]
    if "break" in asked:
        raise FatalError("a secret reason")
    if "fail" in asked and get_step_metadata().attempt < 3:
        yield "this will not "
        await asyncio.sleep(GAP_S)
        yield {1: DeltaToolCall(name="look_up", json_args='{"ord', tool_call_id="lost")}
        await asyncio.sleep(GAP_S)
        raise ConnectionError("the line is dead")
    for name in ("look_up", "refund"):
        if name.replace("_", " ") in asked and name not in called:
            yield {0: DeltaThinkingPart(content="hm")}
            yield f"I'll {name}"
            yield {2: DeltaToolCall(name=name, json_args='{"order":', tool_call_id=f"call-{name}")}
            yield {2: DeltaToolCall(json_args=' "7"}', tool_call_id=f"call-{name}")}
            return
    if "count" in asked:
        yield f"{len(prompts)} so far"
        return
    for word in ("that ", "is ", "all", " there ", "is"):
        yield word
        await asyncio.sleep(SLOW_S if "slow" in asked else GAP_S)


def agent() -> DurableAgent:
    return DurableAgent(
        FunctionModel(stream_function=speak),
        tools=[look_up, tool(refund, needs_approval=True)],
        name="served",
        retry=Retry(delay="10ms"),
    )


@workflow(name="served:chat")
async def chat(messages: list[UIMessage], session: str | None = None) -> str:
    return (await agent().stream(messages, writable=get_writable(UIMessageChunk))).text


@workflow(name="served:talk")
async def talk(message: UIMessage, session: str) -> int:
    return len(await agent().converse(message))


def main(folder: str, port: int, chats: str) -> None:
    configure(world=f"sqlite:///{folder}/chat.db")
    app = wrap(None, chat=talk if chats == "many" else chat, authorize=loopback)
    listening = socket.create_server(("127.0.0.1", port))
    print(listening.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    server.run(sockets=[listening])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
