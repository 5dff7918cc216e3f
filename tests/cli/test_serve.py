"""`perdure serve`: what it refuses to begin with, and a server as a process, from its first line to its last."""

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perdure.cli.serve import OPEN_TO_ALL, ROUTES, Options, refuse_strangers
from perdure.errors import UsageError
from perdure.http.route import ROUTES as SERVED
from tests.cli.shop import say

APP = """
import asyncio
from perdure import create_hook, create_webhook, get_writable, step, workflow

@workflow
async def talk(name: str) -> str:
    out = get_writable()
    await out.write(f"hello {name}")
    async with create_hook(str, token="answer") as answer:
        await out.write(await answer)
        await answer

@workflow
async def show_url() -> None:
    async with create_webhook() as webhook:
        await get_writable().write(webhook.url)

@step
async def endless() -> None:
    out = get_writable()
    await out.write("begun")
    await out.drain()
    await asyncio.sleep(3600)

@workflow
async def be_busy() -> None:
    await endless()

def authorize(request, action, target):
    return request.headers.get("authorization") == f"Bearer {action}"
"""
PATIENCE_S = 60
LOCAL = Options("localhost", 0, ROUTES, None, None, 1, 0, None, None)


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple["subprocess.Popen[str]", HTTPConnection, str]]:
    """The process, a connection to it, and its first line."""
    (folder / "app.py").write_text(APP)
    command = [sys.executable, "-m", "perdure", "serve", "app", "--port", "0", *words]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            port = re.search(r":(\d+),", line)
            assert port, line
            yield process, HTTPConnection("127.0.0.1", int(port[1]), timeout=PATIENCE_S), line
        finally:
            process.kill()


def asked(http: HTTPConnection, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
    http.request(method, path, None if body is None else msgspec.json.encode(body), headers)
    response = http.getresponse()
    return response.status, msgspec.json.decode(response.read())


def stream(http: HTTPConnection, run_id: str) -> HTTPResponse:
    http.request("GET", f"/runs/{run_id}/stream")
    return http.getresponse()


def test_from_start_to_stop(folder: Path) -> None:
    with serving(folder) as (process, http, line):
        assert line == f"serving http://127.0.0.1:{http.port}, running 3 workflows in sqlite:///.perdure/perdure.db\n"
        assert asked(http, "GET", "/health")[0] == 200
        status, run = asked(http, "POST", "/workflows/app:talk/runs", {"name": "Ann"})
        assert status == 202
        lines = stream(http, run["runId"])
        assert lines.readline() == b'"hello Ann"\n'
        other = HTTPConnection("127.0.0.1", http.port, timeout=PATIENCE_S)
        assert asked(other, "POST", "/hooks/answer", "thanks")[0] == 202
        assert lines.readline() == b'"thanks"\n'
        _, run = asked(other, "POST", "/workflows/app:show_url/runs", {})
        url = msgspec.json.decode(stream(other, run["runId"]).readline())
        assert url.startswith(f"http://127.0.0.1:{http.port}/.well-known/workflow/v1/webhook/")
        other.close()
        process.send_signal(signal.SIGTERM)
        assert lines.read() == b""  # it lives, but its stream ends
        _, stderr = process.communicate(timeout=PATIENCE_S)
        http.close()
    assert (process.returncode, stderr) == (0, "draining: 1 run to hand back\ndrained\n")
    assert say("inspect", "hooks").stdout.startswith("answer\t")


def test_a_second_signal_hands_back_at_once(folder: Path) -> None:
    with serving(folder) as (process, http, _):
        run_id = asked(http, "POST", "/workflows/app:be_busy/runs", {})[1]["runId"]
        assert stream(http, run_id).readline() == b'"begun"\n'
        http.close()
        process.send_signal(signal.SIGTERM)
        assert process.stderr is not None
        assert process.stderr.readline() == (
            "draining: 1 run to hand back after 1 step that may end, for at most 30 s; "
            "a second signal ends that at once\n"
        )
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (0, "drained\n")
    assert say("inspect", "steps", run_id).stdout.split("\t")[2] == "running"


def test_whom_authorize_lets_in(folder: Path) -> None:
    words = ("--host", "0.0.0.0", "--authorize", "app:authorize", "--base-url", "https://example.org")
    with serving(folder, *words, "--world", "memory://") as (process, http, line):
        assert line == f"serving http://0.0.0.0:{http.port}, running 3 workflows in memory://\n"
        start = ("POST", "/workflows/app:show_url/runs", {})
        assert asked(http, *start)[0] == 403
        status, run = asked(http, *start, authorization="Bearer run:start")
        assert status == 202
        path = f"/runs/{run['runId']}/stream"
        assert asked(http, "GET", path)[0] == 403
        http.request("GET", path, headers={"authorization": "Bearer stream:read"})
        assert http.getresponse().readline().startswith(b'"https://example.org/.well-known/')
        http.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0


def test_a_web_page_of_another_origin_is_kept_out(folder: Path) -> None:
    with serving(folder, "--routes", "runs", "--world", "memory://") as (_, http, _line):
        start = ("POST", "/workflows/app:show_url/runs", {})
        assert asked(http, *start, host="evil.example")[0] == 403
        assert asked(http, *start, origin="https://evil.example")[0] == 403
        assert asked(http, *start)[0] == 202
        assert asked(http, "GET", "/health")[0] == 404  # not among the routes
        http.close()


def test_the_inspector_has_a_token_of_its_own(folder: Path) -> None:
    with serving(folder, "--routes", "health,runs,inspector", "--world", "memory://") as (process, http, _line):
        assert process.stderr is not None
        line = process.stderr.readline()
        token = line.strip().rpartition("?token=")[2]
        assert line == f"inspector: http://127.0.0.1:{http.port}/inspector/?token={token}\n"
        assert asked(http, "POST", "/workflows/app:show_url/runs", {})[0] == 202
        assert asked(http, "GET", "/api/v1/runs")[0] == 401
        assert asked(http, "GET", "/api/v1/runs", authorization=f"Bearer {token}")[0] == 200
        http.close()


def test_strangers_are_refused(folder: Path) -> None:
    done = say("serve", "tests.cli.desk", "--host", "0.0.0.0")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "perdure: others can reach 0.0.0.0, and nobody says what they may do with runs, hooks, streams: "
        "give --authorize MODULE:FUNCTION, or serve only --routes webhook,health\n"
    )
    refuse_strangers(LOCAL._replace(routes=OPEN_TO_ALL))
    for name in set(ROUTES) - set(OPEN_TO_ALL):
        with pytest.raises(UsageError):
            refuse_strangers(LOCAL._replace(routes=("webhook", name)))


def test_the_routes_are_those_that_there_are() -> None:
    assert tuple(name for name in SERVED if name != "chat") == ROUTES  # that is for the workflow of an app


def test_a_port_that_is_taken(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = say("serve", "tests.cli.desk", "--port", str(port))
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        f"perdure: 127.0.0.1 port {port} can't be served: something listens there already: choose another --port\n"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("not_there_1",), "perdure: there is no module not_there_1, "),
        (("tests.cli.desk", "--authorize", "json"), "perdure: 'json' names no function: "),
        (("tests.cli.desk", "--authorize", "json:nothing"), "perdure: json has no function nothing\n"),
        ((), "Usage: perdure serve [OPTIONS] MODULE..."),
    ],
)
def test_what_is_asked_wrongly(folder: Path, words: tuple[str, ...], sentence: str) -> None:
    done = say("serve", *words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize(
    ("routes", "unknown"),
    [("webhok", "'webhok'"), ("runs,chat,", "'chat', ''"), ("", "''"), ("runs hooks", "'runs hooks'")],
)
def test_unknown_routes(folder: Path, routes: str, unknown: str) -> None:
    done = say("serve", "tests.cli.desk", "--routes", routes)
    assert done.exit_code == 2
    assert done.stderr.endswith(
        f"Invalid value for '--routes': {unknown}: there are webhook, runs, hooks, streams, health, inspector.\n"
    )
