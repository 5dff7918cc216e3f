"""A world with a run in every state that doesn't need a worker to stay so, and the command line to look at it."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from perdure import (
    FatalError,
    Retry,
    StartOptions,
    close,
    configure,
    set_attributes,
    sleep,
    start,
    step,
    worker,
    workflow,
)
from perdure.cli.main import main

PATIENCE_S = 20.0


@step(name="shop:charge")
async def charge(order: str) -> str:
    if order == "bad":
        raise FatalError("no such card")
    return f"ch_{order}"


@step(name="shop:ask", retry=Retry(delay="1m", jitter=0))
async def ask(order: str) -> str:
    raise ConnectionError(f"nobody\tanswers for {order}")


@workflow(name="shop:fulfil")
async def fulfil(order: str) -> dict[str, Any]:
    await set_attributes(order=order)
    return {"order": order, "charge": await charge(order)}


@workflow(name="shop:remind")
async def remind(hours: int) -> str:
    await sleep(hours * 3600)
    return "reminded"


@workflow(name="shop:inquire")
async def inquire(order: str) -> str:
    return await ask(order)


@dataclass(frozen=True)
class Shop:
    """`runs`: ids by name, in the order of their starts."""

    file: Path
    runs: dict[str, str]

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def copy(self, folder: Path) -> "Shop":
        """Another world with the same runs."""
        for part in self.file.parent.iterdir():
            shutil.copy(part, folder)
        return Shop(folder / self.file.name, self.runs)


def make(folder: Path) -> Shop:
    """The world; nothing of it is open afterwards, and no worker lives."""
    file = folder / "shop.db"
    configure(world=f"sqlite:///{file}", work=False)
    return Shop(file, asyncio.run(_start_all()))


async def _start_all() -> dict[str, str]:
    async with worker():
        asleep = await start(remind, 2)
        retrying = await start(inquire, "o-3")
        done = await start(fulfil, "o-1", options=keyed("o-1"))
        failed = await start(fulfil, "bad", options=keyed("bad"))
        cancelled = await start(remind, 3, options=keyed("remind-3"))
        await cancelled.cancel(reason="closed", grace=0)
        await asyncio.gather(done.result(), failed.result(), cancelled.result(), return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            while [step.status for step in (await retrying.steps()).items] != ["retrying"]:
                await asyncio.sleep(0.001)
        delayed = await start(remind, 4, options=StartOptions(delay="1d", attributes={"kind": "late"}))
    await close()
    runs = {"asleep": asleep, "retrying": retrying, "done": done, "failed": failed, "cancelled": cancelled}
    return {name: run.run_id for name, run in {**runs, "delayed": delayed}.items()}


def keyed(key: str) -> StartOptions:
    return StartOptions(idempotency_key=key)


def say(*words: str, input: str | bytes | None = None) -> Result:
    """`perdure` with these words, in this process. What is no exit is raised."""
    result = CliRunner().invoke(main, words, input=input, prog_name="perdure")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
