"""`perdure web`: what it refuses to begin with, and a server as a process, from its first line to its last."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tests.cli.shop import Shop, say

PATIENCE_S = 60
APP = """
def authorize(request, action, target):
    request.state.actor = "ann"
    return request.headers.get("authorization") == f"Bearer {action}"
"""


@contextmanager
def looking(*words: str) -> Iterator[tuple["subprocess.Popen[str]", HTTPConnection, str]]:
    """The process, a connection to it, and the page's URL."""
    command = [sys.executable, "-m", "perdure", "web", *words, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            port = urlsplit(url).port
            assert port, process.stderr and process.stderr.read()
            yield process, HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S), url
        finally:
            process.kill()


def asked(http: HTTPConnection, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    method = "GET" if body is None else "POST"
    data = None if body is None else msgspec.json.encode(body)
    http.request(method, path, data, {"content-type": "application/json", **headers})
    response = http.getresponse()
    text = response.read()
    return response.status, msgspec.json.decode(text) if text[:1] == b"{" else text


def bearer(url: str) -> dict[str, str]:
    return {"authorization": f"Bearer {url.rpartition('=')[2]}"}


def test_from_the_first_line_to_the_last(shop: Shop) -> None:
    with looking() as (process, http, url):
        assert re.fullmatch(rf"http://127\.0\.0\.1:{http.port}/inspector/\?token=[\w-]{{32}}", url)
        assert asked(http, "/api/v1/session")[0] == 401
        status, session = asked(http, "/api/v1/session", **bearer(url))
        assert (status, session["world"], session["mayAct"]) == (200, shop.url, True)
        http.request("GET", urlsplit(url).path + "?" + urlsplit(url).query)
        answer = http.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("location")) == (303, "./")
        cookie = (answer.getheader("set-cookie") or "").partition(";")[0]
        assert cookie == f"perdure_{http.port}={url.rpartition('=')[2]}"
        assert len(asked(http, "/api/v1/runs", cookie=cookie)[1]["items"]) == len(shop.runs)
        path = f"/api/v1/runs/{shop.runs['asleep']}/cancel"
        assert asked(http, path, {"now": True}, cookie=cookie) == (
            200, {"runId": shop.runs["asleep"], "accepted": True},
        )  # fmt: skip
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=PATIENCE_S)
        http.close()
    assert (process.returncode, stderr) == (0, f"serving the inspector of {shop.url}; Ctrl-C ends it\n")
    assert say("inspect", "runs", "--status", "cancelled", "--json").stdout.count('"runId"') == 2


def test_read_only(shop: Shop) -> None:
    with looking("--read-only") as (process, http, url):
        session = asked(http, "/api/v1/session", **bearer(url))[1]
        assert (session["mayAct"], session["readOnly"]) == (False, True)
        assert asked(http, f"/api/v1/runs/{shop.runs['asleep']}/wake", {}, **bearer(url))[0] == 403
        assert asked(http, "/api/v1/runs", **bearer(url))[0] == 200
        http.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_the_root_leads_to_the_page(shop: Shop) -> None:
    with looking() as (_, http, _url):
        http.request("GET", "/?token=x")
        answer = http.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("location")) == (307, "inspector/?token=x")
        assert asked(http, "/other")[0] == 404
        assert asked(http, "/health")[0] == 404
        http.close()


def test_a_web_page_of_another_origin_is_kept_out(shop: Shop) -> None:
    with looking() as (_, http, url):
        assert asked(http, "/api/v1/runs", host="evil.example", **bearer(url))[0] == 403
        assert asked(http, "/api/v1/runs", origin="https://evil.example", **bearer(url))[0] == 403
        http.close()


def test_whom_authorize_lets_in(shop: Shop, folder: Path) -> None:
    (folder / "access.py").write_text(APP)
    with looking("--host", "0.0.0.0", "--authorize", "access:authorize") as (_, http, url):
        assert url == f"http://0.0.0.0:{http.port}/inspector/"
        assert asked(http, "/api/v1/session")[0] == 403
        session = asked(http, "/api/v1/session", authorization="Bearer inspect")[1]
        assert (session["mayAct"], session["actor"]) == (False, "ann")
        http.close()


def test_modules_are_imported(desk: Shop, folder: Path) -> None:
    (folder / "kinds.py").write_text("import perdure\nperdure.define_hook(bool, prefix='desk')\n")
    with looking("kinds") as (_, http, url):
        hooks = {hook["token"]: hook for hook in asked(http, "/api/v1/hooks", **bearer(url))[1]["items"]}
        assert hooks["desk:o-1"]["schema"] == {"type": "boolean"}
        status, problem = asked(http, "/api/v1/hooks/desk:o-1/resume", {"payload": 1}, **bearer(url))
        assert (status, problem["type"]) == (422, "urn:perdure:payload-invalid")
        http.close()


def test_looking_makes_no_world(folder: Path) -> None:
    done = say("web", "--port", "0", "--world", "sqlite:///none.db")
    assert (done.exit_code, done.stdout) == (4, "")
    assert list(folder.iterdir()) == []


def test_strangers_are_refused(shop: Shop) -> None:
    done = say("web", "--host", "0.0.0.0", "--port", "0")
    assert (done.exit_code, done.stderr) == (
        2,
        "perdure: others can reach 0.0.0.0, and nobody says what they may look at: give --authorize MODULE:FUNCTION\n",
    )


def test_a_port_that_is_taken(shop: Shop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = say("web", "--port", str(taken.getsockname()[1]))
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr.endswith("something listens there already: choose another --port\n")


@pytest.mark.parametrize(
    "words", [("not_there_1",), ("--authorize", "json"), ("--world", "memory://"), ("--port", "x")]
)
def test_what_is_asked_wrongly(shop: Shop, words: tuple[str, ...]) -> None:
    done = say("web", *words)
    assert done.exit_code in (2, 4)
    assert done.stdout == ""
