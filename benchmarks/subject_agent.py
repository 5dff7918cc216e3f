"""perdure's agents, and its chats over HTTP, through its public names and with the settings that it has by itself."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from benchmarks.conversation import BARE, MODEL, ask, first_words_at_s, look_up
from benchmarks.subject import Subject
from benchmarks.system import AnswerKind
from perdure import Workflow, get_writable, start, workflow
from perdure.agent import DurableAgent, UIMessage, UIMessageChunk
from perdure.http import loopback, wrap

ROOT = Path(__file__).parent.parent


agent = DurableAgent(MODEL, tools=[look_up])


@workflow
async def generates(calls: int) -> int:
    return len((await agent.generate(str(calls), max_steps=calls)).steps)


@workflow
async def streams(calls: int) -> int:
    answer = await agent.stream(str(calls), writable=get_writable(UIMessageChunk), max_steps=calls)
    return len(answer.steps)


@workflow
async def answers(messages: list[UIMessage]) -> None:
    await agent.stream(messages, writable=get_writable(UIMessageChunk))


@workflow
async def talks(message: UIMessage, session: str) -> None:
    await agent.converse(message)


RUNS = {"whole": generates, "streamed": streams}


async def _run(flow: Workflow[[int], int], calls: int) -> None:
    run = await start(flow, calls)
    assert await run.result() == calls


async def _first_words(chat: Workflow[..., None], session: str, messages: int) -> list[float]:
    first_words_at_s.clear()
    async with _served(chat) as port:
        command = [sys.executable, "-m", "benchmarks.chat_client", str(port), session, str(messages)]
        client = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        printed, _ = await client.communicate()
    assert client.returncode == 0, "it says why"
    return [had_s - said_s for said_s, had_s in zip(first_words_at_s, json.loads(printed), strict=True)]


@asynccontextmanager
async def _served(chat: Workflow[..., None]) -> AsyncGenerator[int]:
    """The chat's port on loopback."""
    app = wrap(None, chat=chat, authorize=loopback)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


class AgentSubject(Subject):
    """Keeps to `benchmarks.system.AgentSystem`."""

    kinds = tuple(RUNS)

    def ask(self, kind: AnswerKind, calls: int, *, durable: bool) -> None:
        self._runner.run(_run(RUNS[kind], calls) if durable else ask(BARE, calls, streamed=kind == "streamed"))

    def first_words(self, messages: int, *, session: bool) -> list[float]:
        chat, name = (talks, "session") if session else (answers, "")
        return self._runner.run(_first_words(chat, name, messages))


SYSTEM = AgentSubject
