"""The two real clients in a chat of many turns, which is one run: each turn whole, whatever is cut off, loaded again,
stopped or killed in between."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.http.chat.front import CLIENTS, Front, Server, answer_in, front, history, serving

ANSWER = [["step-start"], ["text", "that is all there is", "done"]]
CHUNKS = 1 + 1 + 1 + 7 + 1 + 1
"""Of that: the user's message, start, start-step, text, finish-step, finish."""


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Iterator[Front]:
    with front(request.param) as found:
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("turns"), "many") as found:
        yield found


def counted(number: int) -> list[list[str]]:
    return [["step-start"], ["text", f"{number} so far", "done"]]


class Page:
    """One person's page: it sends what it has, under the name of its session."""

    def __init__(self, client: Front, server: Server, session: str) -> None:
        self.client, self.server, self.session = client, server, f"{session}-{client.client}"
        self.messages: list[Any] = []

    def begin(self, text: str, **job: Any) -> None:
        self.client.begin(self.server.url, text, body={"session": self.session}, messages=self.messages, **job)

    def end(self) -> dict[str, Any]:
        result = self.client.end()
        self.messages = result["messages"]
        return result

    def say(self, text: str, **job: Any) -> list[Any]:
        self.begin(text, **job)
        return answer_in(self.end())


def test_each_turn_is_answered_by_the_same_run(client: Front, server: Server) -> None:
    page, runs = Page(client, server, "turns"), list[tuple[str, str]]()
    for number in (1, 2, 3):
        page.begin("count")
        result = page.end()
        assert (answer_in(result), result["requests"]) == (counted(number), ["POST /api/chat"])
        [told] = result["data"]
        assert (told["type"], told["data"]) == ("data-user-message", result["messages"][-2])
        run_id, _, turn = result["runId"].partition("~")
        assert turn == result["messages"][-2]["id"]
        runs.append((run_id, turn))
    assert len({run for run, _ in runs}) == 1 and len(page.messages) == 6
    for name in (page.session, runs[0][0]):
        assert history(server, name) == {"messages": page.messages, "resume": None, "queued": []}


@pytest.mark.parametrize("kind", ["error", "close", "reset"])
def test_cut_off_at_every_chunk_of_a_later_turn(client: Front, server: Server, kind: str) -> None:
    page = Page(client, server, f"cut-{kind}")
    page.say("count")
    for after in range(CHUNKS):
        page.begin("go", cut={"kind": kind, "after": after})
        result = page.end()
        assert answer_in(result) == ANSWER, f"cut by {kind} after {after}"
        assert len(result["requests"]) == 2


def test_a_page_is_loaded_again_in_between(client: Front, server: Server) -> None:
    """The present answer, or the last, is the session's, and its run's; an earlier one has a name of its own."""
    page = Page(client, server, "reload")
    page.begin("count")
    first = page.end()
    assert page.say("go") == ANSWER
    [_, _, question, _] = page.messages
    for id in (page.session, first["runId"].partition("~")[0]):
        again = client.do(server.url, id=id, messages=[*page.messages[:2], question])
        assert answer_in(again) == ANSWER
        assert [message["id"] for message in again["messages"]] == [message["id"] for message in page.messages]
    assert answer_in(client.do(server.url, id=first["runId"], messages=page.messages[:1])) == counted(1)
    assert page.say("count") == counted(3)


@pytest.mark.parametrize("back", [1, 3, 99])
def test_from_the_tail_of_a_turn(client: Front, server: Server, back: int) -> None:
    page = Page(client, server, f"tail-{back}")
    page.say("count")
    page.say("go")
    result = client.do(server.url, id=page.session, startIndex=-back, cut={"kind": "close", "after": 2})
    assert answer_in(result) == ANSWER


def there(server: Server, session: str) -> None:
    """Wait until the session's run has begun."""
    for _ in range(400):
        with suppress(HTTPError), urlopen(Request(f"{server.url}/api/chat/{session}/stream", method="HEAD")):
            return
        time.sleep(0.02)
    raise AssertionError("it never began")


def test_a_message_waits_while_the_agent_works(server: Server) -> None:
    for name in CLIENTS:
        with front(name) as one, front(name) as other:
            first, second = Page(one, server, "queue"), Page(other, server, "queue")
            first.begin("slow")
            there(server, first.session)
            second.begin("count")
            assert answer_in(second.end()) == counted(2)
            assert answer_in(first.end()) == ANSWER


def test_a_turn_is_stopped_and_the_next_goes_on(client: Front, server: Server) -> None:
    page = Page(client, server, "stop")
    assert page.say("count") == counted(1)
    page.begin("slow", stop=True)
    result = page.end()
    assert (result["status"], result["error"]) == ("ready", None)
    assert result["requests"] == ["POST /api/chat", "cancel 202"]
    assert result["messages"][-1]["parts"][-1]["text"] != "that is all there is"
    assert page.say("count") == counted(3)


def test_a_turn_that_fails_is_no_end(client: Front, server: Server) -> None:
    page = Page(client, server, "fail")
    page.begin("break")
    assert page.end()["error"] == "Error: The answer could not be finished."
    assert page.say("count") == counted(2)


def test_a_call_is_approved_in_a_later_turn(client: Front, server: Server) -> None:
    page, headers = Page(client, server, "approve"), {"x-ai-sdk-version": client.client[2:]}
    page.say("count")
    answer = page.say("refund it", approve={"approved": True}, headers=headers)
    assert [part[2:] for part in answer if part[0] == "tool-refund"] == [["output-available", "refunded 7"]]
    page.say("look up my order, and refund it", approve={"approved": False, "reason": "no"}, headers=headers)
    page.begin("fail", headers=headers)
    page.end()
    if client.client == "ai7":  # one of 6 wasn't told of approvals that were given, nor takes back what failed
        assert history(server, page.session)["messages"] == page.messages


def test_a_page_begins_where_another_is(client: Front, server: Server) -> None:
    """With what was said; and the answer that is under way comes from its beginning."""
    page, other = Page(client, server, "begin"), Page(client, server, "begin")
    page.say("count")
    with front(client.client) as elsewhere:
        Page(elsewhere, server, "begin").begin("slow")
        under_way(server, page.session)
        found = history(server, page.session)
        assert found["messages"][:2] == page.messages and len(found["messages"]) == 3
        other.messages = client.do(server.url, id=found["resume"], messages=found["messages"])["messages"]
        assert answer_in({"status": "ready", "error": None, "messages": other.messages}) == ANSWER
        assert history(server, page.session) == {"messages": other.messages, "resume": None, "queued": []}


def under_way(server: Server, session: str) -> None:
    for _ in range(400):
        if history(server, session)["resume"] is not None:
            return
        time.sleep(0.02)
    raise AssertionError("it never began")


@pytest.mark.parametrize("client_name", CLIENTS)
def test_the_server_is_killed_between_and_in_turns(client_name: str, tmp_path: Path) -> None:
    with serving(tmp_path, "many") as server, front(client_name) as client:
        page, headers = Page(client, server, "killed"), {"x-ai-sdk-version": client_name[2:]}
        assert page.say("count", headers=headers) == counted(1)
        server.kill()
        server.start()
        for turn, wait_s in enumerate((0.1, 0.4)):
            page.begin("slow", patient=True, headers=headers)
            time.sleep(wait_s)
            server.kill()
            server.start()
            assert answer_in(page.end())[-1] == ANSWER[-1]
            assert page.say("count", headers=headers) == counted(2 * turn + 3)
