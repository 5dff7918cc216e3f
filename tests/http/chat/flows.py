"""Chats without a model: workflows that write what they are told to."""

import json
from typing import Any

from perdure import FatalError, get_workflow_metadata, get_writable, sleep, step, workflow
from perdure.chat.approval import APPROVALS, approval_key
from perdure.chat.chunk import UIMessageChunk
from perdure.chat.ending import ending
from perdure.chat.message import UIMessage
from perdure.chat.turn import ChatTurn
from perdure.chat.turns import Turns

STEP: list[UIMessageChunk] = [{"type": "start-step"}, {"type": "text-start", "id": "1"}]
END: list[UIMessageChunk] = [{"type": "text-end", "id": "1"}, {"type": "finish-step"}]


def said(messages: list[UIMessage]) -> str:
    return messages[-1]["parts"][0]["text"]


def deltas(text: str) -> list[UIMessageChunk]:
    return [{"type": "text-delta", "id": "1", "delta": word} for word in text.split()]


@step(name="chats:recite", max_retries=1)
async def recite(text: str) -> None:
    out = get_writable(UIMessageChunk)
    for chunk in deltas(text):
        await out.write(chunk)


@workflow(name="chats:answering")
async def answering(messages: list[UIMessage], session: str | None = None) -> str:
    """Says what it is told, twice; or does what that says."""
    text, out = said(messages), get_writable(UIMessageChunk)
    if text == "fail at once":
        raise FatalError(text)
    await out.write_at_end(**ending()._asdict())
    await out.write({"type": "start", "messageId": "m", "messageMetadata": None})
    for _ in range(2):
        for chunk in STEP:
            await out.write(chunk)
        await recite(text)
        for chunk in END:
            await out.write(chunk)
    if text == "fail":
        raise FatalError("its secret reason")
    if text == "wait":
        await sleep("1h")
    if text == "odd":
        await out.write({"type": "nonsense"})
        await out.write({"type": "reset-step"})
    return f"{session}: {text}"


@workflow(name="chats:asking")
async def asking(messages: list[UIMessage]) -> bool:
    """Waits for an approval, which is called `a`."""
    run_id = get_workflow_metadata().run_id
    async with APPROVALS.create(approval_key(run_id, "a")) as hook:
        await get_writable(UIMessageChunk).write({"type": "data-asked", "data": None})
        return (await hook).approved


@workflow(name="chats:talking")
async def talking(message: UIMessage, session: str) -> list[str]:
    """Many turns: says what it is told; or does what that says."""
    said: list[str] = []

    async def answer(turn: ChatTurn) -> None:
        text = turn.message["parts"][0]["text"]
        await turn.writable.write({"type": "start", "messageId": f"to-{turn.id}"})
        for chunk in (*STEP, *deltas(text), *END):
            await turn.writable.write(chunk)
        if text == "wait":
            await sleep("9h")
        if text == "fail":
            raise FatalError("its secret reason")

    if message["parts"][0]["text"] == "fail at once":
        raise FatalError("its secret reason")
    async with Turns(message, idle="1h") as turns:
        async for turn in turns:
            said.append(turn.id)
            await turn.answer(lambda turn=turn: answer(turn))
    return said


@workflow(name="chats:picky")
async def picky(messages: list[UIMessage], model: str) -> None:
    """No chat: nobody gives it a model."""


@workflow(name="chats:mute")
async def mute(question: str) -> None:
    """No chat."""


def message(text: str) -> UIMessage:
    return {"id": "1", "role": "user", "parts": [{"type": "text", "text": text}]}


def body(text: str, **more: Any) -> bytes:

    return json.dumps({"messages": [message(text)], **more}).encode()
