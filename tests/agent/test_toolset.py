"""MCP servers: what they list and what they are asked are steps; one that is down says so."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp.client.transports import StdioTransport
from pydantic_ai.mcp import CallToolFunc, MCPToolset, ToolResult
from pydantic_ai.messages import ModelRequest

from perdure import Retry, RunFailed, close, configure, get_step_metadata, get_writable, start, workflow
from perdure.agent import DurableAgent, Prepared, StepContext, ToolsetDown, UIMessageChunk
from perdure.agent.operation import StepOptions, operation_step
from tests.agent import shop
from tests.agent.script import called, scripted
from tests.agent.test_agent import MODEL, SOON, chunks_of, clean, outcome
from tests.api.ways import in_every_way, once

QUICK = Retry(max_retries=2, delay=0.01, jitter=0)
STOCK, TOOLS, WORDS = (
    operation_step(f"scripted.{name}", StepOptions(QUICK))
    for name in ("stock", "shop.get_tools", "shop.get_instructions")
)
PARTS = (STOCK, TOOLS, WORDS, MODEL)
servers: dict[str, Any] = {}
"""Where the shop is, by what a workflow calls it."""


@pytest.fixture(autouse=True)
def cleaned() -> None:
    afresh()


def afresh() -> None:
    clean()
    shop.calls.clear()
    servers.clear()
    servers["here"] = shop.server


async def with_key(ctx: Any, call: CallToolFunc, name: str, arguments: dict[str, Any]) -> ToolResult:
    """In the call's step: the same key in each of its attempts."""
    called()
    return await call(name, arguments, metadata={"idempotency-key": get_step_metadata().step_id})


def toolset(where: str) -> MCPToolset[Any]:
    return MCPToolset(
        servers[where], id="shop", process_tool_call=with_key, include_instructions=where == "here", init_timeout=50
    )


@workflow(name="toolsets:shopping")
async def shopping(where: str, first: list[str], then: list[str]) -> list[Any]:
    """Asks for what is in the first list, then for the rest."""
    heard: list[str] = []

    def listen(context: StepContext) -> Prepared | None:
        asked = context.messages[-1]
        heard.append(asked.instructions or "" if isinstance(asked, ModelRequest) else "")

    agent = DurableAgent(
        scripted(*[[("stock", {"item": item}) for item in items] for items in (first, then) if items], ["done"]),
        toolsets=[toolset(where)],
        name="scripted",
        retry=SOON,
        tool_retry=QUICK,
        prepare_step=listen,
    )
    answer = await agent.stream("go", writable=get_writable(UIMessageChunk))
    return [answer.text, heard[0]]


def test_recorded_calls_of_a_server_never_run_again() -> None:
    """Wherever the worker dies; what was in flight does, with the same key."""

    async def act() -> list[Any]:
        run = await start(shopping, "here", ["tea"], ["nut", "salt"])
        given = await outcome(run)
        steps = {one.step_id: one async for one in run.steps() if one.name == "scripted.stock"}
        asked = [line.split() for line in shop.calls]
        return [*given, len(steps), {key for _, key in asked} == steps.keys(), {item for item, _ in asked}]

    seen = [["stock", {"item": item}, {item: len(item)}] for item in ("tea", "nut", "salt")]
    gives = [[*seen, ["text", "done"]], ["done", "Tea is sold out on Sundays."], True, 3, True, {"tea", "nut", "salt"}]
    in_every_way(act, shopping, *PARTS, gives=gives, before=afresh)


def test_what_is_listed_is_a_step_and_so_is_each_call() -> None:
    async def act() -> list[str]:
        run = await start(shopping, "here", ["tea"], ["nut", "salt"])
        await run.result()
        return [one.name.removeprefix("scripted.") async for one in run.steps()]

    listed = ["shop.get_tools", "shop.get_instructions"]
    names = once(act, shopping, *PARTS)[0]
    assert sorted(names[:2]) == sorted(listed)
    assert [name for name in names if name not in listed] == ["model", "stock", "model", "stock", "stock", "model"]
    assert names.count("shop.get_tools") == 1, "it is listed once for a conversation"


def test_a_call_that_the_server_refuses_is_told_to_the_model() -> None:
    async def act() -> list[Any]:
        parts = (await outcome(await start(shopping, "here", ["nothing"], [])))[0]
        return [parts[0][2][0], "there is no such shelf" in parts[0][2][1], parts[1]]

    assert once(act, shopping, *PARTS)[0] == ["error", True, ["text", "done"]]


# -- a process of its own


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """The file that servers write into; they are in the world as "there"."""
    servers["there"] = StdioTransport(sys.executable, [shop.__file__, str(tmp_path / "notes")])
    return tmp_path / "notes"


@pytest.mark.anyio
async def test_a_server_that_is_a_process(notes: Path) -> None:
    configure(world="memory://")
    run = await start(shopping, "there", ["tea"], ["nut", "salt"])
    async with asyncio.timeout(60):
        assert (await run.result())[0] == "done"
    await close()
    await servers["there"].close()
    [process, *lines] = notes.read_text().splitlines()
    assert sorted(line.split()[0] for line in lines) == ["nut", "salt", "tea"]
    with pytest.raises(ProcessLookupError):
        os.kill(int(process), 0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("where", "reason"),
    [
        (StdioTransport("/no/such/shop", []), "RuntimeError: Client failed to connect: .*No such file or directory"),
        (StdioTransport(sys.executable, ["-c", "pass"]), "MCPError: Connection closed"),
        ("http://127.0.0.1:9/mcp", "RuntimeError: Client failed to connect: "),
    ],
)
async def test_a_server_that_is_down(where: Any, reason: str) -> None:
    """It is asked again, as steps are; then no model is asked, and run and client are told."""
    servers["there"] = where
    configure(world="memory://")
    run = await start(shopping, "there", ["tea"], [])
    async with asyncio.timeout(60):
        with pytest.raises(RunFailed, match=f"the toolset 'shop' doesn't say what tools it has: {reason}") as caught:
            await run.result()
        kinds = [chunk["type"] for chunk in await chunks_of(run)]
    cause = caught.value.__cause__
    assert isinstance(cause, ToolsetDown)
    assert cause.toolset == "shop"
    assert [(one.name, one.attempt) async for one in run.steps() if one.name.endswith("get_tools")] == [
        ("scripted.shop.get_tools", 3)
    ]
    assert kinds == ["start", "error", "finish"]
    await close()


@pytest.mark.anyio
async def test_a_server_that_goes_down_meanwhile(tmp_path: Path) -> None:
    """The call is tried again, as steps are; then the model is told, and may do without."""
    burning = tmp_path / "shop.py"
    burning.write_text(Path(shop.__file__).read_text())
    servers["there"] = StdioTransport(sys.executable, [str(burning), str(tmp_path / "notes")], keep_alive=False)
    configure(world="memory://")
    run = await start(shopping, "there", ["fire"], ["tea"])
    async with asyncio.timeout(60):
        parts, (text, _), once_only = await outcome(run)
    assert [part[2] for part in parts[:2]] == [{"fire": 4}, ["error", "MCPError: Connection closed"]]
    assert (text, once_only) == ("done", True)
    assert [one.attempt async for one in run.steps() if one.name == "scripted.stock"] == [1, 3]
    await close()
