"""A world of runs with hooks, waits and streams, none of which needs a worker to stay as it is."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perdure import (
    HookConflict,
    Run,
    close,
    configure,
    create_hook,
    create_webhook,
    define_hook,
    get_writable,
    resume_hook,
    sleep,
    start,
    step,
    timeout,
    worker,
    workflow,
)
from tests.cli.shop import PATIENCE_S, Shop

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
HOSTILE = "red \x1b[31m and \u202eback"


@dataclass
class Approval:
    approved: bool


@dataclass
class Progress:
    done: int
    total: int


approvals = define_hook(Approval, prefix="desk")


@step(name="desk:count")
async def count(total: int) -> None:
    async with get_writable(Progress, namespace="progress") as out:
        await out.write_from(Progress(done, total) for done in range(1, total + 1))


@workflow(name="desk:ask")
async def ask(order: str) -> bool:
    """Waits for an approval, and for as long as it takes for somebody who holds a random token."""
    out = get_writable(str)
    await out.write(f"order {order}")
    await count(3)
    async with approvals.create(order, metadata={"order": order, "since": SINCE}, expires="7d") as approval:
        await approval
        await out.write("asked")
        async with timeout("30d"), create_hook(int) as other:
            asleep = asyncio.ensure_future(sleep("2h"))
            await other
            asleep.cancel()
    return True


@workflow(name="desk:receive")
async def receive() -> None:
    async with create_webhook() as webhook:
        await webhook


@workflow(name="desk:report")
async def report() -> str:
    """Ends, with something of every kind behind it."""
    out = get_writable()
    for value in ("first\nsecond", HOSTILE, {"at": SINCE}, 2**70, "half \ud800", b"\x00", None):
        await out.write(value)
    await sleep(0.001)
    async with create_hook(int, token="report") as hook:
        await hook
    try:
        async with approvals.create("o-1"):
            pass
    except HookConflict:
        await get_writable(namespace="log").close()
    return "done"


def make(folder: Path) -> Shop:
    """The world; nothing of it is open afterwards, and no worker lives."""
    file = folder / "desk.db"
    configure(world=f"sqlite:///{file}", work=False)
    return Shop(file, asyncio.run(_start_all()))


async def _start_all() -> dict[str, str]:
    async with worker():
        asking = await start(ask, "o-1")
        await _until(asking, lambda hooks: len(hooks) == 1)
        await resume_hook("desk:o-1", Approval(True))
        await _until(asking, lambda hooks: len(hooks) == 2)
        receiving = await start(receive)
        await _until(receiving, lambda hooks: len(hooks) == 1)
        reporting = await start(report)
        await _until(reporting, lambda hooks: len(hooks) == 1)
        await resume_hook("report", "no number")
        await resume_hook("report", 1)
        await reporting.result()
    await close()
    return {"asking": asking.run_id, "receiving": receiving.run_id, "reporting": reporting.run_id}


async def _until(run: Run[Any], condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition((await run.hooks()).items):
            await asyncio.sleep(0.001)


def on_terminal(*words: str, columns: int = 120, **environment: str) -> str:
    """What `perdure` with these words writes to a terminal."""
    leader, follower = os.openpty()
    surroundings = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "perdure", *words]
    with subprocess.Popen(command, stdout=follower, stderr=follower, env=surroundings) as process:
        os.close(follower)
        parts: list[bytes] = []
        try:
            while part := os.read(leader, 65536):
                parts.append(part)
        except OSError:  # nobody has the terminal open any more
            pass
        finally:
            os.close(leader)
    assert process.returncode == 0
    return b"".join(parts).decode().replace("\r\n", "\n")
