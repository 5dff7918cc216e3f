"""The app: what a chat client is told, turn by turn; who may decide; what a page begins with; and a page."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from examples.support_assistant import shop
from examples.support_assistant.app import api
from perdure.api.hook import list_hooks
from tests.examples.client import client_of
from tests.examples.conftest import Clock
from tests.examples.support_assistant.said import AGAIN, IS, REFUND, WHERE, message

pytestmark = pytest.mark.anyio
SESSION = "ann-1"


async def sent(client: httpx.AsyncClient, text: str, id: str) -> httpx.Response:
    body = {"messages": [message(text, id)], "session": SESSION}
    return await client.post("/api/chat", content=json.dumps(body))


def chunks_of(answer: httpx.Response) -> list[Any]:
    return [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: {")]


def text_of(answer: httpx.Response) -> str:
    return "".join(chunk["delta"] for chunk in chunks_of(answer) if chunk["type"] == "text-delta").strip()


async def approval_waits() -> str:
    """The id of the approval that is waited for, once one is."""
    while True:
        async for hook in list_hooks():
            if hook.token.startswith("perdure-approval:"):
                return hook.token.split(":", 2)[2]
        await asyncio.sleep(0.001)


async def test_a_session_is_one_run_of_many_turns(clock: Clock) -> None:
    async with client_of(api, **{"x-user": "ann"}) as client:
        first = await sent(client, WHERE, "m1")
        assert text_of(first).endswith("o-2 is a piano for 4000 €, on its way.")
        assert chunks_of(first)[-1]["type"] == "finish"
        second = await sent(client, AGAIN, "m2")
        assert text_of(second) == text_of(first), "it is known which order is meant"
        run_id, _, turn = second.headers["x-workflow-run-id"].partition("~")
        assert (first.headers["x-workflow-run-id"], turn) == (f"{run_id}~m1", "m2")
        kept = (await client.get(f"/api/chat/{SESSION}/messages")).json()
        assert [one["role"] for one in kept["messages"]] == ["user", "assistant"] * 2
        assert (kept["resume"], kept["queued"]) == (None, [])
        assert "<ol" in (await client.get("/")).text
        assert (await client.get("/page.js")).headers["content-type"].startswith("text/javascript")


async def test_the_shop_decides(clock: Clock) -> None:
    async with client_of(api, **{"x-user": "ann"}) as client:
        asking = asyncio.create_task(sent(client, REFUND, "m1"))
        decision = json.dumps({"approvalId": await approval_waits(), "approved": True})
        path = f"/api/chat/{SESSION}/approvals"
        assert (await client.post(path, content=decision)).status_code == 403
        assert shop.refunds == {}
        assert (await client.post(path, content=decision, headers={"x-user": "sam"})).status_code == 202
        assert text_of(await asking).endswith(f"{IS} It is refunded: re_1.")


async def test_nobody_that_is_unknown_may_chat(clock: Clock) -> None:
    async with client_of(api) as client:
        assert (await sent(client, WHERE, "m1")).status_code == 401
