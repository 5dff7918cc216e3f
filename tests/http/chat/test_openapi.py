"""What the document says of chats is what they answer: statuses, headers, fields; and what it says they take, they take."""

import json
from typing import Any

import pytest

from perdure import get_run
from perdure.chat.chunk import NEWEST, TABLE, encoded
from perdure.http import openapi, wrap
from perdure.http.chat.message import read_chat
from perdure.http.problem import Problem
from tests.chat.test_chunk import example
from tests.http.asgi import Exchange, get
from tests.http.chat.flows import answering, asking, body
from tests.http.chat.test_message import sent
from tests.http.chat.test_route import NO_DECISIONS, post
from tests.http.chat.test_session import APP as TALKING
from tests.http.chat.test_session import say
from tests.http.chat.test_stream import told
from tests.http.fit import fits
from tests.http.flows import anybody, hooked

pytestmark = pytest.mark.anyio
APP = wrap(None, chat=answering, authorize=anybody)
CLOSED = wrap(None, chat=answering)
DOCUMENT = openapi(("chat",))
NOBODY = "wrun_01HF7YAT00YPRPA8JAB2VS3WER"
Case = tuple[str, int, Exchange]


def check(path: str, status: int, answer: Exchange) -> None:
    """That the document has this answer, its headers and the shape of what is in it."""
    assert answer.status == status
    [operation] = DOCUMENT["paths"][path].values()
    response = operation["responses"][str(status)]
    [(kind, content)] = response["content"].items()
    assert answer.headers["content-type"] == kind
    own = {name for name in answer.headers if name.startswith(("x-workflow-", "x-vercel-"))}
    assert own == set(response.get("headers", ())), path
    if kind == "text/event-stream":
        values, schema = told(answer), content["schema"]["contentSchema"]
    else:
        values, schema = [json.loads(answer.body)], content["schema"]
    assert values and all(fits(value, schema, DOCUMENT) for value in values), f"{path} {status}: {values}"


async def test_what_goes_well() -> None:
    answer = await post("/api/chat", body("go", session="mine")).end()
    run_id = answer.headers["x-workflow-run-id"]
    check("/api/chat", 200, answer)
    check("/api/chat/{answer}/stream", 200, await get(APP, f"/api/chat/{run_id}/stream?startIndex=-3").end())
    check("/api/chat/{answer}/messages", 200, await get(APP, "/api/chat/mine/messages").end())
    check("/api/chat/{answer}/cancel", 202, await post(f"/api/chat/{run_id}/cancel").end())
    check("/api/chat", 200, await say("a").end())
    check("/api/chat/{answer}/end", 202, await post("/api/chat/mine/end", app=TALKING).end())


async def test_a_decision() -> None:
    app = wrap(None, chat=asking, authorize=anybody)
    answer = await post("/api/chat", body("x"), app).until(lambda answer: len(told(answer)) == 1)
    run = get_run(answer.headers["x-workflow-run-id"])
    await hooked(run)
    decision, path = {"approvalId": "a", "approved": True}, f"/api/chat/{run.run_id}/approvals"
    check("/api/chat/{answer}/approvals", 202, await post(path, json.dumps(decision).encode(), app).end())
    decision["approved"] = False
    check("/api/chat/{answer}/approvals", 409, await post(path, json.dumps(decision).encode(), app).end())
    await answer.end()


async def test_what_is_refused() -> None:
    single = await post("/api/chat", body("go", session="mine"), idempotency_key="k").end()
    assert single.status == 200
    other = {"origin": "https://other.example", "content_type": "text/plain"}
    sending: list[Case] = [
        ("/api/chat", 400, post("/api/chat", b"{")),
        ("/api/chat", 400, post("/api/chat", body("go"), x_ai_sdk_version="5")),
        ("/api/chat", 403, post("/api/chat", body("go"), CLOSED)),
        ("/api/chat", 409, post("/api/chat", body("else"), idempotency_key="k")),
        ("/api/chat", 413, post("/api/chat", b"x" * (8 * 1024 * 1024 + 1))),
        ("/api/chat", 415, post("/api/chat", body("go"), **other)),
        ("/api/chat", 422, post("/api/chat", b"[]")),
        ("/api/chat/{answer}/stream", 400, get(APP, "/api/chat/mine/stream?startIndex=99")),
        ("/api/chat/{answer}/end", 409, post("/api/chat/mine/end")),
        ("/api/chat/{answer}/cancel", 422, post("/api/chat/mine/cancel", b"[]")),
        ("/api/chat/{answer}/approvals", 422, post("/api/chat/mine/approvals", b"[]")),
    ]
    for what in ("stream", "messages", "cancel", "end", "approvals"):
        for status, app, name in ((403, CLOSED, "mine"), (404, APP, NOBODY)):
            path = f"/api/chat/{name}/{what}"
            asked = get(app, path) if what in ("stream", "messages") else post(path, b"", app)
            sending.append((f"/api/chat/{{answer}}/{what}", status, asked))
    for path, status, answer in sending:
        check(path, status, await answer.end())


def body_of(path: str) -> dict[str, Any]:
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]


MESSAGE = {"id": "1", "role": "user", "parts": [{"type": "text", "text": "hi"}]}


@pytest.mark.parametrize(
    ("body", "taken"),
    [
        ({"messages": [MESSAGE]}, True),
        ({"messages": [MESSAGE], "session": "s", "trigger": "submit-message"}, True),
        ({"messages": [{"role": "assistant", "parts": []}], "id": "c"}, True),
        ({"messages": []}, False),
        ({"messages": [{"role": "system", "parts": []}]}, False),
        ({"messages": [{**MESSAGE, "parts": [{}]}]}, False),
        ({"messages": [MESSAGE], "session": ""}, False),
        ({"messages": [MESSAGE], "session": "s" * 257}, False),
        ({"session": "s"}, False),
        ([], False),
    ],
)
async def test_what_is_taken(body: Any, taken: bool) -> None:
    assert fits(body, body_of("/api/chat"), DOCUMENT) is taken
    try:
        await read_chat(*sent(json.dumps(body).encode()))
    except Problem as problem:
        assert not taken, problem
    else:
        assert taken


def test_what_is_no_decision() -> None:
    schema = body_of("/api/chat/{answer}/approvals")
    for content in filter(None, NO_DECISIONS):
        assert not fits(json.loads(content), schema, DOCUMENT), content
    assert fits({"approvalId": "a", "approved": False, "reason": None}, schema, DOCUMENT)


@pytest.mark.parametrize("kind", TABLE)
def test_each_chunk(kind: str) -> None:
    """As it goes out; and none that lacks what it needs, or has it wrong."""
    chunk, schema = example(kind), {"$ref": "#/components/schemas/UIMessageChunk"}
    for ai in (NEWEST, NEWEST - 1):
        assert fits(json.loads(encoded(chunk, ai)), schema, DOCUMENT)
    for field in TABLE[kind]:
        if field.required:
            assert not fits({name: chunk[name] for name in chunk if name != field.name}, schema, DOCUMENT)
        if field.kind is not object:
            assert not fits({**chunk, field.name: 5}, schema, DOCUMENT)
