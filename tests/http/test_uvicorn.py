"""Under a real server, over real connections: signals, kills, restarts. Each server is a process of its own."""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from perdure import configure, get_run

pytestmark = pytest.mark.anyio
PATIENCE_S = 30.0
PROMPT_S = 5.0  # a second or so, on a busy machine

APP = """
import asyncio, socket
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Route
from perdure import configure, create_hook, get_run, get_writable, step, workflow
from perdure.http import loopback, stream_response, wrap

@workflow
async def narrate(token: str) -> None:
    out = get_writable()
    async with create_hook(token=token) as hook:
        async for payload in hook:
            if payload is None:
                return
            await out.write(payload)

@step
async def counted() -> None:
    out, number = get_writable(), 0
    while True:
        await out.write(number)
        await out.drain()
        print("kept", number, flush=True)
        number += 1

@workflow
async def count() -> None:
    await counted()

async def follow(request):
    return stream_response(get_run(request.path_params["run_id"]), request)

api = Starlette(routes=[Route("/mine/{run_id}", follow)])
api.add_middleware(wrap, routes=("runs", "streams", "hooks", "health"), authorize=loopback)

if __name__ == "__main__":
    configure(world="sqlite:///runs.db")
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(api, log_level="warning")).run(sockets=[listening])
"""


class Server:
    def __init__(self, process: asyncio.subprocess.Process, http: httpx.AsyncClient) -> None:
        self.process, self.http = process, http

    async def start(self, name: str, **arguments: Any) -> str:
        answer = await self.http.post(f"/workflows/app:{name}/runs", json=arguments)
        assert answer.status_code == 202
        return answer.json()["runId"]

    async def hooked(self, run_id: str) -> None:
        """Wait until the run waits for a payload."""
        async with asyncio.timeout(PATIENCE_S):
            while not (await self.http.get(f"/runs/{run_id}")).json()["waitingFor"]:
                pass

    async def send(self, token: str, payload: object) -> None:
        assert (await self.http.post(f"/hooks/{token}", json=payload)).status_code == 202

    async def end(self, number: signal.Signals) -> int:
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Server]:
    (folder / "app.py").write_text(APP)
    process = await asyncio.create_subprocess_exec(sys.executable, "app.py", cwd=folder, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            port = int(await process.stdout.readline())
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE_S) as http:
            yield Server(process, http)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def values_of(answer: httpx.Response, count: int | None = None) -> list[Any]:
    values: list[Any] = []
    async for line in answer.aiter_lines():
        values.append(msgspec.json.decode(line))
        if len(values) == count:
            break
    return values


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("route", ["/runs/{}/stream", "/mine/{}"])
async def test_a_deploy_doesnt_hang_at_an_open_stream(tmp_path: Path, number: signal.Signals, route: str) -> None:
    async with serving(tmp_path) as server:
        run_id = await server.start("narrate", token="t")
        await server.hooked(run_id)
        await server.send("t", 0)
        async with server.http.stream("GET", route.format(run_id)) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "0"
            told_at = time.monotonic()
            server.process.send_signal(number)
            assert [line async for line in lines] == []  # a clean end: a cut one would raise
            ended_s = time.monotonic() - told_at
        await server.end(number)
        gone_s = time.monotonic() - told_at
    assert ended_s < PROMPT_S, f"the stream ended after {ended_s:.1f} s"
    assert gone_s < PROMPT_S, f"the server ended after {gone_s:.1f} s"


async def test_a_killed_server_loses_nothing_that_it_has_acknowledged(tmp_path: Path) -> None:
    got: list[Any] = []
    async with serving(tmp_path) as server:
        run_id = await server.start("narrate", token="t")
        await server.hooked(run_id)
        for number in range(4):
            await server.send("t", number)
        async with server.http.stream("GET", f"/runs/{run_id}/stream") as answer:
            got += await values_of(answer, 2)
        await server.send("t", 4)  # accepted, perhaps not written yet
        await server.end(signal.SIGKILL)
    async with serving(tmp_path) as server:
        await server.send("t", 5)
        await server.send("t", None)
        async with server.http.stream("GET", f"/runs/{run_id}/stream?startIndex={len(got)}") as answer:
            got += await values_of(answer)
        assert (await server.http.get(f"/runs/{run_id}")).json()["status"] == "completed"
    assert got == list(range(6))


async def test_what_a_step_has_drained_survives_a_kill(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        run_id = await server.start("count")
        assert server.process.stdout is not None
        for number in range(50):
            assert await server.process.stdout.readline() == b"kept %d\n" % number
        await server.end(signal.SIGKILL)
        rest = (await server.process.stdout.read()).splitlines()
    acknowledged = 50 + len([line for line in rest if line.startswith(b"kept ")])
    configure(world=f"sqlite:///{tmp_path}/runs.db", work=False)
    chunks = []
    async for chunk in get_run(run_id).read_chunks():
        chunks.append(chunk)
        if len(chunks) == acknowledged:
            break
    assert [(chunk.index, chunk.value) for chunk in chunks] == [(number, number) for number in range(acknowledged)]
