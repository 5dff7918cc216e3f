"""The routes of a chat: sent, followed, stopped, decided; and who may."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from perdure import UsageError, get_run, workflow
from perdure.chat.ending import FAILED
from perdure.http import Action, Target, wrap
from perdure.http.chat.route import ChatRoutes
from tests.http.asgi import Exchange, get, scope_of
from tests.http.chat.flows import answering, asking, body, mute, picky
from tests.http.chat.test_stream import LENGTH, told
from tests.http.flows import anybody, hooked

pytestmark = pytest.mark.anyio
APP = wrap(None, chat=answering, authorize=anybody)


def post(path: str, content: bytes = b"", app: Any = APP, **headers: str) -> Exchange:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Exchange(app, scope_of(path, method="POST", headers=fields), [content])


async def test_sent_and_answered() -> None:
    answer = await post("/api/chat", body("two words")).end()
    run = get_run(answer.headers["x-workflow-run-id"])
    assert (answer.status, len(told(answer)), told(answer)[-1]) == (200, LENGTH, {"type": "finish"})
    assert await run.result() == "None: two words"
    again = await get(APP, f"/api/chat/{run.run_id}/stream?startIndex=3").end()
    assert told(again) == told(answer)[3:]


async def test_a_session_is_found_again() -> None:
    """After a page was reloaded, by the client's own name for the chat: its youngest run."""
    for text in ("first words", "other words"):
        answer = await post("/api/chat", body(text, session="mine")).end()
    run = get_run(answer.headers["x-workflow-run-id"])
    assert await run.result() == "mine: other words"
    again = await get(APP, "/api/chat/mine/stream").end()
    assert (told(again), again.headers["x-workflow-run-id"]) == (told(answer), run.run_id)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("fail", [{"type": "error", "errorText": FAILED}, {"type": "finish", "finishReason": "error"}]),
        ("fail at once", [{"type": "error", "errorText": FAILED}, {"type": "finish", "finishReason": "error"}]),
        ("go", [{"type": "finish-step"}, {"type": "finish"}]),
    ],
)
async def test_every_end_is_told(text: str, last: list[Any]) -> None:
    answer = await post("/api/chat", body(text)).end()
    assert told(answer)[-2:] == last
    assert b"secret" not in answer.body


@pytest.mark.parametrize("content", [b"", b'{"grace": 0}'])
async def test_a_chat_is_stopped(content: bytes) -> None:
    answer = await post("/api/chat", body("wait")).until(lambda answer: len(told(answer)) == 11)
    run_id = answer.headers["x-workflow-run-id"]
    stopped = await post(f"/api/chat/{run_id}/cancel", content).end()
    assert (stopped.status, json.loads(stopped.body)) == (202, {"runId": run_id, "accepted": True})
    await answer.end()
    assert told(answer)[-2:] == [{"type": "abort", "reason": "stopped"}, {"type": "finish", "finishReason": "other"}]
    late = await post(f"/api/chat/{run_id}/cancel").end()
    assert json.loads(late.body)["accepted"] is False


async def test_a_start_is_not_repeated() -> None:
    first = await post("/api/chat", body("go"), idempotency_key="k").end()
    second = await post("/api/chat", body("go"), idempotency_key="k").end()
    assert first.headers["x-workflow-run-id"] == second.headers["x-workflow-run-id"]
    assert (await post("/api/chat", body("else"), idempotency_key="k").end()).status == 409


@pytest.mark.parametrize(("approved", "reason"), [(True, None), (False, "no")])
async def test_a_call_is_decided_on(approved: bool, reason: str | None) -> None:
    app = wrap(None, chat=asking, authorize=anybody)
    answer = await post("/api/chat", body("x"), app).until(lambda answer: len(told(answer)) == 1)
    run = get_run(answer.headers["x-workflow-run-id"])
    await hooked(run)
    path = f"/api/chat/{run.run_id}/approvals"
    decision = {"approvalId": "a", "approved": approved, "reason": reason}
    assert (await post(path, json.dumps({**decision, "approvalId": "b"}).encode(), app).end()).status == 404
    decided = await post(path, json.dumps(decision).encode(), app).end()
    assert (decided.status, json.loads(decided.body)) == (202, {"runId": run.run_id, "approvalId": "a"})
    await answer.end()
    assert await run.result() is approved
    assert (await post(path, json.dumps(decision).encode(), app).end()).status == 202, "the same again changes nothing"
    decision["approved"] = not approved
    assert (await post(path, json.dumps(decision).encode(), app).end()).status == 409
    other = await post("/api/chat", body("x"), app).until(lambda answer: len(told(answer)) == 1)
    theirs = other.headers["x-workflow-run-id"]
    assert (
        await post(f"/api/chat/{theirs}/approvals", b'{"approvalId": "b", "approved": true}', app).end()
    ).status == 404
    await get_run(theirs).cancel()
    await other.end()


NO_DECISIONS = (
    b"",
    b"[]",
    b"{}",
    b'{"approvalId": "a"}',
    b'{"approvalId": "a", "approved": 1}',
    b'{"approvalId": "", "approved": true}',
    b'{"approvalId": "a", "approved": true, "more": 1}',
    b'{"approvalId": "a", "approved": true, "reason": 1}',
)


@pytest.mark.parametrize("content", NO_DECISIONS)
async def test_what_is_no_decision(content: bytes) -> None:
    answer = await post("/api/chat", body("go")).end()
    path = f"/api/chat/{answer.headers['x-workflow-run-id']}/approvals"
    assert (await post(path, content).end()).status == 422


@pytest.mark.parametrize("name", ["wrun_01HF7YAT00YPRPA8JAB2VS3WER", "nobody's"])
@pytest.mark.parametrize("what", ["stream", "cancel", "approvals"])
async def test_a_chat_that_there_is_not(name: str, what: str) -> None:
    path = f"/api/chat/{name}/{what}"
    content = b'{"approvalId":"a","approved":true}' if what == "approvals" else b""
    answer = await (get(APP, path) if what == "stream" else post(path, content)).end()
    assert answer.status == 404


async def test_a_body_that_is_none() -> None:
    answer = await post("/api/chat", b"hello").end()
    assert (answer.status, json.loads(answer.body)["type"]) == (400, "urn:perdure:json-invalid")
    assert (await post("/api/chat", b'{"messages": 5}').end()).status == 422
    assert (await post("/api/chat", body("go"), x_ai_sdk_version="5").end()).status == 400
    assert (await get(APP, "/api/chat").end()).status == 405


async def test_nobody_may_where_nobody_says_so() -> None:
    closed = wrap(None, chat=answering)
    assert (await post("/api/chat", body("go"), closed).end()).status == 403
    assert (await get(closed, "/api/chat/mine/stream").end()).status == 403


async def test_who_is_asked_for_what() -> None:
    asked: list[tuple[Action, Target]] = []

    def authorize(request: Request, action: Action, target: Target) -> bool:
        asked.append((action, target))
        return action == "run:start"

    app = wrap(None, chat=answering, authorize=authorize, prefix="/v1")
    answer = await post("/v1/api/chat", body("go"), app).end()
    run_id = answer.headers["x-workflow-run-id"]
    for path in (f"/v1/api/chat/{run_id}/stream", "/v1/api/chat/mine/stream"):
        assert (await get(app, path).end()).status == 403
    assert (await post(f"/v1/api/chat/{run_id}/cancel", b"", app).end()).status == 403
    assert (await post(f"/v1/api/chat/{run_id}/approvals", b"{}", app).end()).status == 403
    assert asked == [
        ("run:start", Target("workflow", "chats:answering")),
        ("stream:read", Target("run", run_id)),
        ("stream:read", Target("run", "mine")),
        ("run:cancel", Target("run", run_id)),
        ("run:read", Target("run", run_id)),
    ]


async def plain(messages: list[Any]) -> None:
    """No workflow."""


@pytest.mark.parametrize("given", [picky, mute, plain, "answering"])
def test_what_is_no_chat(given: object) -> None:
    with pytest.raises(UsageError, match="chat="):
        ChatRoutes(given)


@workflow(name="chats:plain")
async def plainest(messages: list[Any]) -> None:
    """One that takes messages alone."""


def test_what_a_chat_takes() -> None:
    assert ChatRoutes(plainest) and ChatRoutes(answering)
    assert asyncio.iscoroutinefunction(ChatRoutes(plainest).send)
