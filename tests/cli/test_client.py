"""The client of an inspector elsewhere: what it asks, and what it makes of every answer that is none."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import pytest

from perdure.cli import client as clients
from perdure.cli.client import NO_TOKEN, NONE, OTHER_TOKEN, Client
from perdure.cli.failure import InspectorRefused, InspectorUnusable
from perdure.errors import UsageError

PROBLEM = "application/problem+json"
JSON = "application/json"


class Answer(NamedTuple):
    status: int = 200
    body: bytes = b"{}"
    kind: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


@contextmanager
def answering(answer: Answer, seen: list[Any]) -> Iterator[str]:
    """A server of HTTP that always answers so; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, self.headers.get("authorization")))
            self.send_response(answer.status)
            for name, value in (("content-type", answer.kind), *answer.headers):
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PERDURE_TOKEN", raising=False)


@pytest.mark.parametrize(
    ("url", "server", "token"),
    [
        ("http://127.0.0.1:4321/inspector/?token=t-1#/runs?status=failed", "http://127.0.0.1:4321", "t-1"),
        ("http://127.0.0.1:4321", "http://127.0.0.1:4321", None),
        ("http://[::1]:4321/inspector", "http://[::1]:4321", None),
        ("https://example.org/admin/inspector/", "https://example.org/admin", None),
        ("https://example.org/admin/api/v1/", "https://example.org/admin", None),
        ("https://example.org/ä b/?x=1", "https://example.org/%C3%A4%20b", None),
    ],
)
def test_where_it_is(url: str, server: str, token: str | None) -> None:
    client = Client(url)
    assert (client.server, client.token) == (server, token)


def test_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERDURE_TOKEN", "t-2")
    assert Client("http://127.0.0.1:1").token == "t-2"
    assert Client("http://127.0.0.1:1/?token=t-1").token == "t-1"
    monkeypatch.setenv("PERDURE_TOKEN", "")
    assert Client("http://127.0.0.1:1").token is None


@pytest.mark.parametrize(
    "url",
    [
        "", "127.0.0.1:4321", "sqlite:///a.db", "http://", "http://a:b@c/", "http://h:x/", "http://h:99999/", "http://[h/",
        "http://h/?token=%0Ax", "http://h/?token=%C3%A4",
    ],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Client(url)
    assert "b@c" not in str(caught.value)


def test_what_is_asked() -> None:
    seen: list[Any] = []
    with answering(Answer(body=b'{"a": 1}'), seen) as url:
        client = Client(f"{url}/admin/inspector/?token=t")
        assert client.get(["runs", "a/b ?#\udcff"], [("attr", "k=v&w"), ("limit", "1")]) == {"a": 1}
        Client(url).get(["workers"])
    assert seen == [
        ("/admin/api/v1/runs/a%2Fb%20%3F%23%3F?attr=k%3Dv%26w&limit=1", "Bearer t"),
        ("/api/v1/workers", None),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=b"<html>"),
        Answer(body=b"[]"),
        Answer(body=b""),
        Answer(body=b"[" * 100_000),
        Answer(404, b'{"detail": "Not Found"}'),
        Answer(404, b"x", PROBLEM),
        Answer(500, b"oh"),
        Answer(307, b"", headers=(("location", "/api/v1/other"),)),
    ],
)
def test_an_answer_that_is_no_inspectors(answer: Answer) -> None:
    seen: list[Any] = []
    with answering(answer, seen) as url, pytest.raises(InspectorUnusable) as caught:
        Client(f"{url}?token=secret").get(["runs"])
    assert str(caught.value) == f"no inspector at {url}: {NONE}"
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("answer", "token", "detail"),
    [
        (Answer(401, b'{"detail": "who asks is unknown"}', PROBLEM), "", NO_TOKEN),
        (Answer(401, b'{"detail": "who asks is unknown"}', PROBLEM), "?token=secret", OTHER_TOKEN),
        (Answer(403, b'{"detail": "who asks may not do this"}', PROBLEM), "", "who asks may not do this"),
        (Answer(404, b'{"detail": "there is no such run"}', PROBLEM), "", "there is no such run"),
        (Answer(503, b'{"detail": ""}', PROBLEM), "", "status 503"),
        (Answer(400, b'{"detail": "red \\u001b[31m"}', PROBLEM), "", "red \\x1b[31m"),
    ],
)
def test_problems_are_told(answer: Answer, token: str, detail: str) -> None:
    with answering(answer, []) as url, pytest.raises(InspectorRefused) as caught:
        Client(url + token).get(["runs"])
    assert (caught.value.status, str(caught.value)) == (answer.status, f"{url}: {detail}")


def test_an_answer_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "BODY_MAX", 10)
    with answering(Answer(body=b'{"a": "12345"}'), []) as url, pytest.raises(InspectorUnusable, match="too large"):
        Client(url).get(["runs"])


def test_nobody_is_there() -> None:
    with answering(Answer(), []) as url:
        pass
    with pytest.raises(InspectorUnusable) as caught:
        Client(f"{url}/?token=secret").get(["runs"])
    assert str(caught.value) == f"no inspector at {url}: connection refused; is `perdure web` running there?"


def test_nobody_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = Client(f"http://127.0.0.1:{silent.getsockname()[1]}", 0.01)
        with pytest.raises(InspectorUnusable, match=r"no answer within 0\.01 s"):
            client.get(["runs"])


def test_what_speaks_no_http() -> None:
    def say() -> None:
        other, _ = silent.accept()
        with other:
            other.recv(1000)
            other.sendall(b"220 mail\r\n")

    with socket.create_server(("127.0.0.1", 0)) as silent:
        thread = threading.Thread(target=say)
        thread.start()
        with pytest.raises(InspectorUnusable) as caught:
            Client(f"http://127.0.0.1:{silent.getsockname()[1]}").get(["runs"])
        thread.join()
    assert caught.value.reason == NONE
