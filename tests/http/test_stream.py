"""Streams over HTTP: every chunk once, however often the client is cut off; and they end when they should."""

import asyncio
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from perdure import Run, RunBlocked, close, configure, get_run, resume_hook, start
from perdure.api.connect import CONNECTION
from perdure.http import stream_response, wrap
from perdure.http.ending import ending
from tests.api.following import until
from tests.http.asgi import Exchange, get, scope_of, serving
from tests.http.flows import anybody, hooked, narrate, recite, written

pytestmark = pytest.mark.anyio
APP = wrap(None, routes=("streams",), authorize=anybody)
COUNT = 5
WORLDS = ["memory://", "sqlite"]
SSE = "text/event-stream"


async def told(*payloads: Any, token: str = "t", end: bool = True) -> Run[Any]:
    """A run that has written these."""
    run = await start(narrate, token)
    await hooked(run)
    for payload in (*payloads, *([None] if end else [])):
        await resume_hook(token, payload)
    if end:
        await run.result()
    else:
        await written(run, len(payloads))
    return run


def path(run: Run[Any], query: str = "") -> str:
    return f"/runs/{run.run_id}/stream{query}"


async def test_lines() -> None:
    run = await told(1, {"a": "b\n"}, [None])
    answer = await get(APP, path(run)).end()
    assert (answer.status, answer.body, answer.complete) == (200, b'1\n{"a":"b\\n"}\n[null]\n', True)
    assert answer.headers == {
        "content-type": "application/x-ndjson",
        "cache-control": "no-cache, no-transform",
        "vary": "accept",
        "x-accel-buffering": "no",
        "x-content-type-options": "nosniff",
        "x-workflow-run-id": run.run_id,
        "x-workflow-stream-tail-index": "2",
        "x-workflow-stream-closed": "true",
    }


async def test_events() -> None:
    run = await told(1, {"a": "b\n"})
    answer = await get(APP, path(run), accept=SSE).end()
    assert answer.body == b'id: 0\ndata: 1\n\nid: 1\ndata: {"a":"b\\n"}\n\n'
    assert answer.headers["content-type"] == "text/event-stream"


async def test_chunks_come_as_they_are_written() -> None:
    run = await told(end=False)
    answer = await get(APP, path(run)).begun()
    assert answer.headers["x-workflow-stream-tail-index"] == "-1"
    for number in range(3):
        await resume_hook("t", number)
        await answer.until(lambda answer, number=number: len(answer.values) == number + 1)
    assert not answer.complete
    await resume_hook("t", None)
    await answer.end()
    assert (answer.values, answer.complete) == ([0, 1, 2], True)


@pytest.mark.parametrize(
    ("query", "first"),
    [("", 0), ("?startIndex=2", 2), ("?startIndex=-2", 3), ("?startIndex=-99", 0), ("?startIndex=5", 5)],
)
async def test_a_start_index(query: str, first: int) -> None:
    run = await told(*range(COUNT))
    assert (await get(APP, path(run, query)).end()).values == list(range(COUNT))[first:]


@pytest.mark.parametrize(
    ("query", "headers", "detail"),
    [
        ("?startIndex=6", {}, "startIndex=6 is past the stream's end: it has 5 chunks so far"),
        ("?startIndex=one", {}, "startIndex is no whole number"),
        ("?startIndex=", {}, "startIndex is no whole number"),
        ("?startIndex=1.0", {}, "startIndex is no whole number"),
        ("?startIndex=%D9%A1", {}, "startIndex is no whole number"),
        ("?startIndex=" + "9" * 5000, {}, "startIndex is no whole number"),
        ("", {"last_event_id": "x"}, "Last-Event-ID is no whole number"),
        ("", {"last_event_id": "-1"}, "Last-Event-ID is below 0"),
        ("", {"last_event_id": "5"}, "startIndex=6 is past the stream's end: it has 5 chunks so far"),
        ("?namespace=", {}, "namespace='' can't name a stream"),
        ("?namespace=~reply/x", {}, "namespace='~reply/x' can't name a stream"),
        ("?namespace=" + "n" * 257, {}, "can't name a stream"),
    ],
)
async def test_a_bad_value_is_a_400(query: str, headers: dict[str, str], detail: str) -> None:
    run = await told(*range(COUNT))
    answer = await get(APP, path(run, query), **headers).end()
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert detail in answer.body.decode()


@pytest.mark.parametrize("run_id", ["wrun_" + "0" * 26, "nonsense"])
async def test_an_unknown_run_is_a_404(run_id: str) -> None:
    assert (await get(APP, f"/runs/{run_id}/stream").end()).status == 404


async def test_streams_have_names() -> None:
    run = await start(recite, 3, "logs/of ä")
    await run.result()
    answer = await get(APP, path(run, "?namespace=logs/of%20%C3%A4")).end()
    assert answer.values == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert (await get(APP, path(run)).end()).values == []


# -- cut off


@pytest.mark.parametrize("cut", range(COUNT + 1))
@pytest.mark.parametrize("world", WORLDS)
async def test_a_client_cut_after_any_chunk_reads_each_once(cut: int, world: str, tmp_path: object) -> None:
    configure(world=world if world == "memory://" else f"sqlite:///{tmp_path}/runs.db")
    run = await told(*range(cut), end=False)
    lines = await get(APP, path(run)).until(lambda answer: len(answer.values) == cut and answer.status != 0)
    events = await get(APP, path(run), accept=SSE).until(
        lambda answer: len(answer.events) == cut and answer.status != 0
    )
    await lines.hang_up()
    await events.hang_up()
    for number in range(cut, COUNT):  # while nobody is there
        await resume_hook("t", number)
    again = get(APP, path(run, f"?startIndex={len(lines.values)}"))
    last = {"last_event_id": str(events.events[-1][0])} if events.events else {}
    # an EventSource comes back with the same URL: what it has read counts, not where it began
    events_again = get(APP, path(run, "?startIndex=0"), accept=SSE, **last)
    await resume_hook("t", None)
    assert lines.values + (await again.end()).values == list(range(COUNT))
    together = events.events + (await events_again.end()).events
    assert together == [(number, number) for number in range(COUNT)]


async def test_a_client_cut_at_any_byte_reads_each_once() -> None:
    values = ["a", {"b": "\u2028\n"}, "ä" * 3]
    run = await told(*values)
    lines, events = await get(APP, path(run)).end(), await get(APP, path(run), accept=SSE).end()
    whole_lines, whole_events = lines.body, events.body
    for cut in range(len(whole_lines)):
        lines.body = whole_lines[:cut]
        rest = await get(APP, path(run, f"?startIndex={len(lines.values)}")).end()
        assert lines.values + rest.values == values
    for cut in range(len(whole_events)):
        events.body = whole_events[:cut].decode(errors="ignore").encode()
        last = {"last_event_id": str(events.events[-1][0])} if events.events else {}
        rest = await get(APP, path(run), accept=SSE, **last).end()
        assert [value for _, value in events.events + rest.events] == values


async def test_nothing_left_tells_an_event_source_to_stop() -> None:
    """It would come back for ever otherwise: https://html.spec.whatwg.org/multipage/server-sent-events.html."""
    run = await told(1)
    answer = await get(APP, path(run), accept=SSE, last_event_id="0").end()
    assert (answer.status, answer.body, answer.headers["x-workflow-stream-closed"]) == (204, b"", "true")
    live = await told(1, token="live", end=False)
    waiting = await get(APP, path(live), accept=SSE, last_event_id="0").begun()
    assert waiting.status == 200
    await waiting.hang_up()


async def test_lines_say_when_that_was_all() -> None:
    run = await told(1, end=False)
    first = await get(APP, path(run)).begun()
    assert first.headers["x-workflow-stream-closed"] == "false"
    await resume_hook("t", None)
    await first.end()
    again = await get(APP, path(run, "?startIndex=1")).end()
    assert (again.status, again.values, again.headers["x-workflow-stream-closed"]) == (200, [], "true")


# -- the life of a connection


async def test_who_has_gone_is_let_go() -> None:
    run = await told(1, end=False)
    answers = [await get(APP, path(run), accept=accept).begun() for accept in ("", SSE)]
    readers = (await CONNECTION.engine()).readers
    await until(lambda: _listening(readers, 2))
    for answer in answers:
        await answer.hang_up()
        assert not answer.complete
    await until(lambda: _listening(readers, 0))


async def _listening(readers: Any, count: int) -> bool:
    return sum(len(each) for each in readers._waiting.values()) == count


async def test_a_silent_stream_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.stream.KEEP_ALIVE_S", 0.001)
    run = await told(end=False)
    events = await get(APP, path(run), accept=SSE).until(lambda answer: answer.body.count(b": keep-alive\n\n") > 1)
    lines = await get(APP, path(run)).begun()
    await resume_hook("t", 1)
    await events.until(lambda answer: answer.events == [(0, 1)])
    await lines.until(lambda answer: answer.values == [1])
    assert lines.body == b"1\n"
    await resume_hook("t", None)
    await events.end()
    assert events.complete


async def test_a_slow_client_holds_one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    run = await start(recite, 5000)
    await run.result()
    world, reads = (await CONNECTION.engine()).world, []
    read = world.streams.read

    async def counted(run_id: Any, stream: str, from_index: int, limit: int) -> Any:
        reads.append((from_index, limit))
        return await read(run_id, stream, from_index, limit)

    monkeypatch.setattr(world.streams, "read", counted)
    answer = get(APP, path(run))
    answer.hold_after(1)
    await answer.until(lambda answer: answer.held)
    pages = [from_index for from_index, limit in reads if limit > 1]
    assert pages == [0]
    answer.let_go()
    assert len((await answer.end()).values) == 5000


async def test_large_chunks_go_out_one_by_one() -> None:
    text = "x" * 100_000
    run = await told(text, text, text)
    answer = await get(APP, path(run)).end()
    assert [len(piece) for piece in answer.pieces] == [100_003] * 3 + [0]


# -- the end of the server


@pytest.mark.parametrize("accept", ["", SSE])
async def test_a_shutdown_ends_streams_cleanly(accept: str) -> None:
    app = wrap(None, routes=("streams",), authorize=anybody)
    async with serving(app):
        run = await told(1, end=False)
        answer = await get(app, path(run), accept=accept).until(lambda answer: b"1\n" in answer.body)
    await answer.end()
    assert answer.complete


async def test_it_ends_them_before_anything_else() -> None:
    """A server that waits for its answers hears of no shutdown before they have ended."""
    run = await told(1, end=False)
    answer = await get(APP, path(run)).until(lambda answer: answer.values == [1])
    ending().set()
    await answer.end()
    assert answer.complete
    late = await get(APP, path(run)).end()
    assert (late.status, late.headers["retry-after"]) == (503, "1")


async def test_a_client_that_takes_nothing_doesnt_hold_it_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.http.stream.LINGER_S", 0.001)
    run = await told("x" * 100_000, "y" * 100_000, end=False)
    answer = get(APP, path(run))
    answer.hold_after(1)
    await answer.until(lambda answer: answer.held)
    ending().set()
    await answer.end()
    assert (answer.complete, answer.values) == (False, [])


async def test_a_world_that_closes_ends_them() -> None:
    run = await told(1, end=False)
    answer = await get(APP, path(run)).until(lambda answer: answer.values == [1])
    await close()
    await answer.end()
    assert answer.complete


async def test_what_breaks_off_isnt_taken_for_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    run = await told(1, end=False)
    world = (await CONNECTION.engine()).world
    read = world.streams.read

    async def breaking(run_id: Any, stream: str, from_index: int, limit: int) -> Any:
        if limit > 1:
            raise RunBlocked(run_id, "SECRET")
        return await read(run_id, stream, from_index, limit)

    monkeypatch.setattr(world.streams, "read", breaking)
    answer = await get(APP, path(run)).end()
    assert (answer.status, answer.body, answer.complete) == (200, b"", False)
    assert "broke off" in caplog.text


async def test_a_server_that_says_by_an_error_that_the_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    run = await told(1)

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    await APP(scope_of(path(run)), receive, send)
    assert caplog.records == []


# -- in a route of one's own


async def own(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    response = stream_response(get_run(request.query_params["run"]), request)
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    await response(scope, receive, send)


async def test_a_route_of_ones_own_behaves_alike() -> None:
    run = await told(*range(COUNT))
    exchange = await get(own, f"/mine?run={run.run_id}&startIndex=3").end()
    assert (exchange.status, exchange.values) == (200, [3, 4])
    assert exchange.headers["set-cookie"].startswith("b=2")
    assert (await get(own, f"/mine?run={run.run_id}&startIndex=9").end()).status == 400
    assert (await get(own, f"/mine?run=wrun_{'0' * 26}").end()).status == 404


async def test_it_is_a_response() -> None:
    run = await told(1)
    assert isinstance(stream_response(run, Request(scope_of("/"))), Response)


async def test_head_has_the_headers_alone() -> None:
    run = await told(1, end=False)
    answer = await Exchange(APP, scope_of(path(run), method="HEAD")).end()
    assert (answer.status, answer.body, answer.headers["x-workflow-stream-tail-index"]) == (200, b"", "0")
