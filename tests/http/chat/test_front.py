"""The two real clients get the whole answer: cut off at every chunk, after a reload, from the tail, over a killed server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from perdure.chat.chunk import TABLE, UIMessageChunk, encoded
from tests.chat.test_chunk import example
from tests.http.chat.front import CLIENTS, Front, Server, answer_in, front, history, serving

ANSWER = [["step-start"], ["text", "that is all there is", "done"]]
LOOKED = [
    ["step-start"],
    ["reasoning", "hm", "done"],
    ["text", "I'll look_up", "done"],
    ["tool-look_up", {"order": "7"}, "output-available", {"order": "7", "note": None}],
    *ANSWER,
]
CHUNKS = 1 + 1 + 3 + 3 + 4 + 1 + 1 + 1 + 7 + 1 + 1
"""Of that: start, start-step, reasoning, text, the call, its output, finish-step, start-step, text, finish-step, finish."""


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Iterator[Front]:
    with front(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("front")) as found:
        yield found


def test_each_chunk_of_the_table_is_one_to_the_client(client: Front) -> None:
    """By its own schema, in which an unknown type is fatal: with all its fields, with those that it needs, and with none."""
    ai, chunks = int(client.client[2:]), list[UIMessageChunk]()
    for kind, fields in TABLE.items():
        whole = example(kind)
        bare = {name: whole[name] for name in ("type", *(field.name for field in fields if field.required))}
        chunks += [json.loads(encoded(chunk, ai, attempt=2)) for chunk in (whole, bare, {"type": kind})]
    chunks.append(json.loads(encoded({"type": "nonsense"}, ai)))
    odd: list[Any] = [{"type": "nonsense"}, {"type": "text-delta", "id": "1"}]
    assert client.refused([*chunks, *odd]) == odd


def test_a_message_is_answered(client: Front, server: Server) -> None:
    result = client.do(server.url, "look up my order")
    assert (answer_in(result), result["requests"]) == (LOOKED, ["POST /api/chat"])


@pytest.mark.parametrize("kind", ["error", "close", "reset"])
def test_cut_off_at_every_chunk(client: Front, server: Server, kind: str) -> None:
    for after in range(CHUNKS + 1):
        result = client.do(server.url, "look up my order", cut={"kind": kind, "after": after})
        assert answer_in(result) == LOOKED, f"cut by {kind} after {after}"
        assert len(result["requests"]) <= 2, "once is enough"
        assert len(result["requests"]) == 2 or after == CHUNKS, f"it wasn't cut off after {after}"


def test_cut_off_after_each_chunk_again_and_again(client: Front, server: Server) -> None:
    result = client.do(server.url, "look up my order", cut={"kind": "close", "after": 1, "times": 999})
    assert (answer_in(result), len(result["requests"])) == (LOOKED, CHUNKS)


def test_a_page_is_loaded_again(client: Front, server: Server) -> None:
    """Under the name that the client has for its chat; and by the run's id."""
    session = f"session-{client.client}"
    sent = client.do(server.url, "look up my order", body={"session": session})
    [question, answer] = sent["messages"]
    for id in (session, sent["runId"]):
        result = client.do(server.url, id=id, messages=[question])
        assert answer_in(result) == LOOKED
        assert result["messages"][-1]["id"] == answer["id"]
        assert result["requests"] == [f"GET /api/chat/{id}/stream?startIndex=0"]
        assert history(server, id) == {"messages": sent["messages"], "resume": None, "queued": []}


def test_a_page_is_loaded_again_while_the_answer_comes(server: Server) -> None:
    for name in CLIENTS:
        with front(name) as first, front(name) as second:
            first.begin(server.url, "slow", body={"session": f"slow-{name}"})
            result = {}
            for _ in range(200):
                time.sleep(0.05)
                try:
                    result = second.do(server.url, id=f"slow-{name}", messages=[])
                except AssertionError:
                    continue
                if not result["error"]:
                    break
            assert answer_in(result) == ANSWER
            assert answer_in(first.end()) == ANSWER


@pytest.mark.parametrize("back", [1, 2, 5, 9, 10, 11, 15, 99])
@pytest.mark.parametrize("cut", [None, {"kind": "close", "after": 1}, {"kind": "error", "after": 2}])
def test_from_the_tail(client: Front, server: Server, back: int, cut: Any) -> None:
    """No message is begun in the middle of a part; and who is cut off there goes on in the right place."""
    sent = client.do(server.url, "look up my order")
    result = client.do(server.url, id=sent["runId"], startIndex=-back, **({} if cut is None else {"cut": cut}))
    parts = answer_in(result)
    assert parts == (ANSWER if back <= 10 else LOOKED)


def test_a_model_step_that_is_tried_again(client: Front, server: Server) -> None:
    """A client of 7 takes back what failed; one of 6 is told so, and what had begun is ended."""
    headers = {"x-ai-sdk-version": "7"} if client.client == "ai7" else {}
    result = client.do(server.url, "fail", headers=headers)
    lost = [["text", "this will not ", "done"], ["tool-look_up", None, "output-error", None]]
    if headers:
        assert (answer_in(result), result["data"]) == (ANSWER, [])
    else:
        told = [{"type": "data-reset-step", "data": {"attempt": attempt}, "transient": True} for attempt in (2, 3)]
        assert result["data"] == told
        assert [part for part in answer_in(result) if part not in lost] == ANSWER


def test_a_client_of_7_that_says_nothing_is_served_too(client: Front, server: Server) -> None:
    assert answer_in(client.do(server.url, "fail"))[-1] == ANSWER[-1]


@pytest.mark.parametrize("approved", [True, False])
@pytest.mark.parametrize("cut", [None, {"kind": "close", "after": 9}])
def test_a_call_is_approved(client: Front, server: Server, approved: bool, cut: Any) -> None:
    result = client.do(server.url, "refund it", approve={"approved": approved}, **({} if cut is None else {"cut": cut}))
    [call] = [part for part in answer_in(result) if part[0] == "tool-refund"]
    state = ["output-available", "refunded 7"] if approved else ["output-denied", None]
    assert (call[2:], answer_in(result)[-1]) == (state, ANSWER[-1])
    assert "approval 202" in result["requests"]


def test_a_model_that_is_down(client: Front, server: Server) -> None:
    result = client.do(server.url, "break")
    assert (result["status"], result["error"]) == ("error", "Error: The answer could not be finished.")
    assert result["requests"] == ["POST /api/chat"], "nobody spins"


def test_an_answer_is_stopped(client: Front, server: Server) -> None:
    result = client.do(server.url, "slow", stop=True)
    assert (result["status"], result["error"]) == ("ready", None)
    assert result["requests"] == ["POST /api/chat", "cancel 202"]


@pytest.mark.parametrize("client_name", CLIENTS)
def test_the_server_is_killed_and_comes_back(client_name: str, tmp_path: Path) -> None:
    with serving(tmp_path) as server, front(client_name) as client:
        for wait_s in (0.1, 0.3, 0.6):
            client.begin(server.url, "slow look up", patient=True, headers={"x-ai-sdk-version": client_name[2:]})
            time.sleep(wait_s)
            server.kill()
            server.start()
            result = client.end()
            last = answer_in(result)
            assert last[-1] == ANSWER[-1]
            if client_name == "ai7":
                assert last == LOOKED
