"""The curl lines of the documents: typed as they stand there, they start a run, follow its stream and resume its hook."""

import asyncio
import os
import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0
TOOLS = ("bash", "curl", "jq")
ADDRESS = "127.0.0.1:8000"
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)


class Session(NamedTuple):
    """What a person saves as app.py, how they start the server, and what they type then."""

    app: str
    server: str
    typed: str


def session(text: str) -> Session | None:
    """The first in a document; None where it has none."""
    app = server = ""
    for kind, block in BLOCK.findall(text):
        commands = [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]
        if kind == "python" and not server:
            app = block
        elif any("curl" in command for command in commands):
            return Session(app, server, "\n".join(commands))
        elif commands and re.match(r"uvicorn app:|perdure serve app$", commands[0]):
            server = commands[0]
    return None


SESSIONS = {
    path.name: found
    for path in (ROOT / "README.md", ROOT / "docs/how-to/serve-over-http.md")
    if (found := session(path.read_text(encoding="utf-8"))) is not None
}


@asynccontextmanager
async def serving(command: str, folder: Path) -> AsyncIterator[str]:
    """The server's address, at a port that nobody else has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        own = {"uvicorn": ("--fd", str(listener.fileno())), "perdure": ("--port", "0")}[command.split()[0]]
        words = ("-m", *command.split(), *own)
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, cwd=folder, stderr=asyncio.subprocess.PIPE, pass_fds=[listener.fileno()]
        )
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not re.search(rb"^serving|running", line := await process.stderr.readline()):
                assert line, f"`{command}` didn't serve"
        said = re.match(r"serving http://([0-9.:]+)", line.decode())
        yield said[1] if said else address
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


@pytest.mark.parametrize("name", SESSIONS)
async def test_the_lines_do_what_they_say(name: str, tmp_path: Path) -> None:
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"this machine lacks {', '.join(missing)}")
    assert not missing, "CI must have them: .ci/run installs them"
    app, server, typed = SESSIONS[name]
    (tmp_path / "app.py").write_text(app)
    async with serving(server, tmp_path) as address:
        shell = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", typed.replace(ADDRESS, address), stdout=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await shell.communicate()
    assert shell.returncode == 0
    for line in ('"plan waits for approval"', '"approved by ann"', '{"runId":"wrun_', '"https://example.org/plan"'):
        assert line in said.decode()


def test_the_how_to_has_them() -> None:
    assert "serve-over-http.md" in SESSIONS
