"""A chat of many turns over HTTP: which run takes a message, what its answer is called, how a turn and the chat end."""

import asyncio
import json
from typing import Any

import pytest
from starlette.requests import Request

from perdure import Run, get_run, get_workflow_metadata, workflow
from perdure.chat.ending import FAILED
from perdure.chat.message import UIMessage
from perdure.chat.turn import WORDS
from perdure.http import Action, Target, wrap
from tests.api.following import until
from tests.http.asgi import Exchange, get
from tests.http.chat.flows import answering, talking
from tests.http.chat.test_route import post
from tests.http.chat.test_stream import told
from tests.http.flows import anybody, hooked

pytestmark = pytest.mark.anyio
APP = wrap(None, chat=talking, authorize=anybody)


def message(id: str, text: str = "hi") -> UIMessage:
    return {"id": id, "role": "user", "parts": [{"type": "text", "text": text}]}


def say(id: str, text: str = "hi", session: str | None = "mine", app: Any = APP, **more: Any) -> Exchange:
    """What a client sends: all of its messages, the last of them new."""
    earlier = [message("old"), {"id": "a", "role": "assistant", "parts": []}]
    sent = {"messages": [*earlier, message(id, text)], **({} if session is None else {"session": session}), **more}
    return post("/api/chat", json.dumps(sent).encode(), app)


def words(answer: Exchange) -> list[str]:
    return [chunk["delta"] for chunk in told(answer) if chunk["type"] == "text-delta"]


def called(answer: Exchange) -> tuple[str, str]:
    """Run and turn."""
    run_id, _, turn = answer.headers["x-workflow-run-id"].partition("~")
    return run_id, turn


async def test_turns_of_one_run() -> None:
    runs: list[str] = []
    for number in range(3):
        answer = await say(f"m{number}", f"number {number}").end()
        run_id, turn = called(answer)
        runs.append(run_id)
        assert (answer.status, turn, words(answer)) == (200, f"m{number}", ["number", str(number)])
        assert told(answer)[0]["data"] == message(f"m{number}", f"number {number}")
        assert answer.body.endswith(b'data: {"type":"finish"}\n\ndata: [DONE]\n\n')
        again = await get(APP, f"/api/chat/{run_id}~{turn}/stream?startIndex=3").end()
        assert told(again) == told(answer)[3:]
    assert len(set(runs)) == 1
    theirs = await say("m0", session="yours").end()
    assert called(theirs)[0] != runs[0]


async def test_the_present_answer_is_the_sessions_and_its_runs() -> None:
    first = await say("a", "one").end()
    run_id, _ = called(first)
    waiting = await say("b", "wait").until(lambda answer: words(answer) == ["wait"])
    queued = await say("c", "three").until(lambda answer: len(told(answer)) == 1)
    for name in ("mine", run_id):
        answer = await get(APP, f"/api/chat/{name}/stream").until(lambda answer: words(answer) == ["wait"])
        assert called(answer) == (run_id, "b")
    stopped = await post("/api/chat/mine/cancel").end()
    assert (stopped.status, json.loads(stopped.body)) == (202, {"runId": run_id, "accepted": True})
    assert [chunk["type"] for chunk in told(await waiting.end())][-2:] == ["abort", "finish"]
    assert words(await queued.end()) == ["three"]
    assert words(await get(APP, "/api/chat/mine/stream").end()) == ["three"], "the last, where none is under way"
    assert words(await get(APP, f"/api/chat/{run_id}~a/stream").end()) == ["one"]
    late = await post(f"/api/chat/{run_id}~b/cancel").end()
    assert json.loads(late.body)["accepted"] is False
    assert await get_run(run_id).status() == "running"


async def test_a_run_is_cancelled_by_its_own_id() -> None:
    answer = await say("a", "wait").until(lambda answer: words(answer) == ["wait"])
    run_id, _ = called(answer)
    assert json.loads((await post(f"/api/chat/{run_id}/cancel", b'{"grace": 0}').end()).body)["accepted"] is True
    assert [chunk["type"] for chunk in told(await answer.end())][-2:] == ["abort", "finish"]
    assert await get_run(run_id).status() == "cancelled"


async def test_a_chat_ends_and_begins_again() -> None:
    run_id, _ = called(await say("a").end())
    for _ in range(2):
        ended = await post("/api/chat/mine/end").end()
        assert (ended.status, json.loads(ended.body)) == (202, {"runId": run_id, "accepted": True})
        assert await get_run(run_id).result() == ["a"]
    answer = await say("b").end()
    assert called(answer)[0] != run_id and words(answer) == ["hi"]
    assert called(await say("b").end()) == called(answer)


async def test_what_a_page_begins_with() -> None:
    run_id, _ = called(await say("a").end())
    answer = await get(APP, "/api/chat/mine/messages").end()
    parts = [{"type": "step-start"}, {"type": "text", "text": "hi", "state": "done"}]
    said = [message("a"), {"id": "to-a", "role": "assistant", "parts": parts}]
    assert (answer.status, json.loads(answer.body)) == (200, {"messages": said, "resume": None, "queued": []})
    assert (await get(APP, f"/api/chat/{run_id}/messages").end()).body == answer.body
    assert (await get(APP, "/api/chat/nobody/messages").end()).status == 404
    assert (await get(wrap(None, chat=talking), "/api/chat/mine/messages").end()).status == 403


async def test_a_single_turn_ends_by_itself() -> None:
    app = wrap(None, chat=answering, authorize=anybody)
    answer = await say("a", "go", app=app).end()
    ended = await post("/api/chat/mine/end", app=app).end()
    assert (ended.status, json.loads(ended.body)["type"]) == (409, "urn:perdure:chat-single-turn")
    assert "~" not in answer.headers["x-workflow-run-id"]


async def test_a_message_that_is_sent_again() -> None:
    """It has the answer that it has; another with its id is refused, of the run's first message too."""
    for id in ("a", "b"):
        first = await say(id, "once").end()
        again = await say(id, "once").end()
        assert (called(again), told(again)) == (called(first), told(first))
        assert (await say(id, "else").end()).status == 409
    assert len(await _turns(called(first)[0])) == 2


async def _turns(run_id: str) -> list[Any]:
    await post("/api/chat/mine/end").end()
    return [chunk async for chunk in get_run(run_id).readable()]


async def test_messages_at_once_reach_one_run() -> None:
    answers = [say(f"m{number}", f"number {number}") for number in range(8)]
    for number, answer in enumerate(answers):
        assert words(await answer.end()) == ["number", str(number)]
    assert len({called(answer)[0] for answer in answers}) == 1


@pytest.mark.parametrize("text", ["fail", "fail at once"])
async def test_a_failure_is_told(text: str) -> None:
    answer = await say("a", text).end()
    last = [{"type": "error", "errorText": FAILED}, {"type": "finish", "finishReason": "error"}]
    assert told(answer)[-2:] == last
    assert b"secret" not in answer.body
    assert words(await say("b", "on").end()) == ["on"], "in a new run, if need be"


NO_TURNS: list[tuple[dict[str, Any], str]] = [
    ({"session": None}, "session"),
    ({"session": ""}, "session"),
    ({"messages": [{"id": "a", "role": "assistant", "parts": []}]}, "messages[0].role"),
    ({"messages": [message("a"), {"role": "user", "parts": []}]}, "messages[1].id"),
    ({"messages": [message("a b")]}, "messages[0].id"),
    ({"messages": []}, "messages"),
]


@pytest.mark.parametrize(("wrong", "path"), NO_TURNS)
async def test_what_begins_no_turn(wrong: dict[str, Any], path: str) -> None:
    sent = {"messages": [message("a")], "session": "mine", **wrong}
    answer = await post("/api/chat", json.dumps(sent).encode(), APP).end()
    problem = json.loads(answer.body)
    assert (answer.status, problem["type"], problem["path"]) == (422, "urn:perdure:messages-invalid", path)


@pytest.mark.parametrize(
    "name", ["wrun_01HF7YAT00YPRPA8JAB2VS3WER~a", "wrun_01HF7YAT00YPRPA8JAB2VS3WER", "nobody", "~", "~a"]
)
@pytest.mark.parametrize("what", ["stream", "cancel", "end"])
async def test_an_answer_that_there_is_not(name: str, what: str) -> None:
    path = f"/api/chat/{name}/{what}"
    assert (await (get(APP, path) if what == "stream" else post(path)).end()).status == 404


async def test_a_turn_that_the_run_does_not_have() -> None:
    run_id, _ = called(await say("a").end())
    assert (await get(APP, f"/api/chat/{run_id}~b/stream").end()).status == 404
    assert (await post(f"/api/chat/{run_id}~b/cancel").end()).status == 404


async def test_who_is_asked_before_a_message_reaches_a_session() -> None:
    asked: list[tuple[Action, Target]] = []

    def authorize(request: Request, action: Action, target: Target) -> bool:
        asked.append((action, target))
        return action != "hook:resume"

    app = wrap(None, chat=talking, authorize=authorize)
    run_id, _ = called(await say("a", app=app).end())
    assert (await say("b", app=app).end()).status == 403
    assert asked == [
        ("run:start", Target("workflow", "chats:talking")),
        ("run:start", Target("workflow", "chats:talking")),
        ("hook:resume", Target("hook", f"perdure-chat:{run_id}")),
    ]


@workflow(name="chats:deaf")
async def deaf(message: UIMessage, session: str) -> None:
    """Never listens."""
    await asyncio.sleep(36_000)


async def test_nobody_hangs_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.chat.session.PATIENCE_S", 0.1)
    app = wrap(None, chat=deaf, authorize=anybody)
    first = say("a", app=app)
    await first.until(lambda answer: answer.status == 200)
    for answer in (say("b", app=app), post("/api/chat/mine/cancel", app=app), post("/api/chat/mine/end", app=app)):
        await answer.end()
        assert (answer.status, json.loads(answer.body)["type"]) == (503, "urn:perdure:chat-busy")
        assert answer.headers["retry-after"] == "1"
    await get_run(called(first)[0]).cancel()
    assert told(await first.end())[-1]["type"] == "finish"


@workflow(name="chats:heedless")
async def heedless(message: UIMessage, session: str) -> None:
    """Accepts what comes, and takes none of it."""
    async with WORDS.create(get_workflow_metadata().run_id):
        await asyncio.sleep(36_000)


async def test_a_message_that_is_accepted_and_not_taken_begins_a_new_run() -> None:
    app = wrap(None, chat=heedless, authorize=anybody)
    first = say("a", app=app)
    run = get_run(called(await first.until(lambda answer: answer.status == 200))[0])
    await hooked(run)
    second = say("b", app=app)
    await until(lambda: received(run))
    assert second.status == 0
    await run.cancel()
    other = get_run(called(await second.until(lambda answer: answer.status == 200))[0])
    assert other.run_id != run.run_id
    await other.cancel()
    for answer in (first, second):
        assert told(await answer.end())[-1]["type"] == "finish"


async def received(run: Run[Any]) -> bool:
    return "hook_received" in [event.type async for event in run.events()]
