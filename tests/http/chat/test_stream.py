"""A chat's stream over HTTP: an event for each chunk, an index for each event, and `finish` at every end."""

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from perdure import Run, get_run, start
from perdure.http import chat_response
from perdure.http.ending import ending
from tests.http.asgi import Exchange, get, scope_of
from tests.http.chat.flows import answering, body, message
from tests.http.flows import written

pytestmark = pytest.mark.anyio
LENGTH = 1 + 2 * 6 + 1  # of what "two words" gives: start, two steps of six, finish
STARTS = [1, 7]  # of the steps


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """A route of one's own."""
    request = Request(scope, receive)
    response: Response = chat_response(get_run(scope["path"].strip("/")), request)
    await response(scope, receive, send)


async def ended(text: str = "two words") -> Run[Any]:
    run = await start(answering, [message(text)])
    await run.result()
    return run


def told(answer: Exchange) -> list[dict[str, Any]]:
    """The chunks, read as a client does: comments and `[DONE]` don't count."""
    lines = [line.removeprefix("data: ") for line in answer.body.decode().split("\n\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def test_each_chunk_is_an_event() -> None:
    run = await ended()
    answer = await get(app, f"/{run.run_id}").end()
    chunks = [chunk async for chunk in run.readable()]
    assert told(answer) == chunks
    assert len(chunks) == LENGTH
    assert answer.body.endswith(b'data: {"type":"finish"}\n\ndata: [DONE]\n\n')
    assert b'{"type":"start","messageId":"m","messageMetadata":null}' in answer.body
    assert (answer.complete, answer.status) == (True, 200)
    assert answer.headers == {
        "content-type": "text/event-stream",
        "cache-control": "no-cache",
        "x-content-type-options": "nosniff",
        "vary": "accept",
        "x-accel-buffering": "no",
        "x-vercel-ai-ui-message-stream": "v1",
        "x-workflow-run-id": run.run_id,
        "x-workflow-stream-tail-index": str(LENGTH - 1),
        "x-workflow-stream-closed": "true",
        "access-control-expose-headers": "x-workflow-run-id, x-workflow-stream-tail-index",
    }


@pytest.mark.parametrize("first", [0, 1, 5, LENGTH - 1, LENGTH])
async def test_a_client_goes_on_where_it_was(first: int) -> None:
    run = await ended()
    answer = await get(app, f"/{run.run_id}?startIndex={first}").end()
    assert told(answer) == [chunk async for chunk in run.readable(start_index=first)]
    assert answer.body.endswith(b"data: [DONE]\n\n"), "never 204"


@pytest.mark.parametrize("back", range(1, LENGTH + 3))
async def test_from_the_tail_it_begins_with_a_step(back: int) -> None:
    """A client counts on from tail + 1 − N: then that must be where the answer began."""
    run = await ended()
    answer = await get(app, f"/{run.run_id}?startIndex={-back}").end()
    asked = max(0, LENGTH - back)
    begins = max([0, *[first for first in STARTS if first <= asked]])
    assert told(answer) == [chunk async for chunk in run.readable(start_index=begins)]
    assert max(0, int(answer.headers["x-workflow-stream-tail-index"]) + 1 - back) == begins


async def test_a_step_that_began_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.chat.stream.LOOK_BACK", 3)
    run = await ended("a lot of words " * 10)
    answer = await get(app, f"/{run.run_id}?startIndex=-4").end()
    assert told(answer)[0] == {"type": "start-step"}
    assert len(told(answer)) == 2 + 40 + 2 + 1


async def test_the_connection_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads an end without `finish` comes back at once, and for ever."""
    monkeypatch.setattr("perdure.http.stream.KEEP_ALIVE_S", 0.001)
    run = await start(answering, [message("wait")])
    answer = await get(app, f"/{run.run_id}").until(lambda answer: answer.body.count(b": keep-alive\n\n") > 2)
    assert not answer.complete
    assert len(told(answer)) == 1 + 2 * 5
    await run.cancel()
    await answer.end()
    assert told(answer)[-2:] == [
        {"type": "abort", "reason": "stopped"},
        {"type": "finish", "finishReason": "other"},
    ]


async def test_an_end_of_the_server_is_no_end_of_the_answer() -> None:
    run = await start(answering, [message("wait")])
    await written(run, 11)
    answer = await get(app, f"/{run.run_id}").until(lambda answer: len(told(answer)) == 11)
    ending().set()
    await answer.end()
    assert b"[DONE]" not in answer.body
    assert (await get(app, f"/{run.run_id}").end()).status == 503


@pytest.mark.parametrize(
    ("headers", "query", "told_as"),
    [
        ({}, "", ["data-unreadable", "data-reset-step"]),
        ({"x_ai_sdk_version": "6.0.1"}, "", ["data-unreadable", "data-reset-step"]),
        ({"x_ai_sdk_version": "7"}, "", ["data-unreadable", "reset-step"]),
        ({"x_ai_sdk_version": "8.1"}, "", ["data-unreadable", "reset-step"]),
        ({}, "?ai=7", ["data-unreadable", "reset-step"]),
    ],
)
async def test_what_a_client_does_not_know_keeps_its_index(headers: Any, query: str, told_as: list[str]) -> None:
    run = await ended("odd")
    answer = await get(app, f"/{run.run_id}{query}", **headers).end()
    kinds = [chunk["type"] for chunk in told(answer)]
    assert kinds[-3:] == [*told_as, "finish"]
    assert len(kinds) == (await run.stream_info()).tail_index + 1


@pytest.mark.parametrize("version", ["five", "5", "-7", "٧"])
async def test_a_version_that_is_not_served(version: str) -> None:
    run = await ended()
    headers = {"x-ai-sdk-version": version} if version.isascii() else {}
    path = f"/{run.run_id}" if headers else f"/{run.run_id}?ai=%D9%A7"
    answer = await Exchange(app, scope_of(path, headers=headers)).end()
    assert (answer.status, json.loads(answer.body)["detail"]) == (
        400, "x-ai-sdk-version is no version of npm ai that is served: 6 and later are"
    )  # fmt: skip


@pytest.mark.parametrize("query", ["?startIndex=99", "?startIndex=x", "?startIndex=1.5"])
async def test_a_bad_index(query: str) -> None:
    run = await ended()
    answer = await get(app, f"/{run.run_id}{query}").end()
    assert (answer.status, json.loads(answer.body)["type"]) == (400, "urn:perdure:start-index-invalid")


async def test_a_run_that_there_is_not() -> None:
    assert (await get(app, "/wrun_01HF7YAT00YPRPA8JAB2VS3WER").end()).status == 404


async def test_a_post_begins_at_the_beginning() -> None:
    """Whatever its query says."""
    run = await ended()
    answer = await Exchange(app, scope_of(f"/{run.run_id}?startIndex=5", method="POST"), [body("x")]).end()
    assert len(told(answer)) == LENGTH
