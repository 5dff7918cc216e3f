"""The app: what a chat client is told, and a page."""

import json

import pytest

from examples.support_assistant.app import api
from tests.examples.client import client_of
from tests.examples.conftest import Clock

pytestmark = pytest.mark.anyio


async def test_a_question_is_answered(clock: Clock) -> None:
    question = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Where is o-2?"}]}
    async with client_of(api) as client:
        answer = await client.post("/api/chat", content=json.dumps({"messages": [question]}))
        chunks = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: {")]
        text = "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")
        assert text.strip().endswith("o-2 is a piano for 4000 €, on its way.")
        assert chunks[-1]["type"] == "finish"
        assert "<ol" in (await client.get("/")).text
        assert (await client.get("/page.js")).headers["content-type"].startswith("text/javascript")
