"""A world of runs whose steps have logged: one that failed, one that waits, and one in which nothing was kept."""

import asyncio
import logging
from pathlib import Path

from perdure import FatalError, Retry, close, configure, sleep, start, step, worker, workflow
from tests.cli.desk import HOSTILE
from tests.cli.shop import PATIENCE_S, Shop

app = logging.getLogger("diary.app")


@step(name="diary:books.charge", capture_logs="DEBUG", retry=Retry(max_retries=1, delay="1ms", jitter=0))
async def charge(order: str) -> str:
    app.debug("asking for %s", order)
    try:
        raise ConnectionError("nobody answers")
    except ConnectionError as error:
        app.exception("the provider is away\nit says: %s", HOSTILE)
        raise FatalError("no way") from error


@step(name="diary:note", capture_logs=True)
def note(text: str) -> None:
    app.info("noted %s", text)
    app.warning("running out of paper")


@step(name="diary:mute")
async def mute() -> None:
    app.error("for nobody")


@workflow(name="diary:orders")
async def orders(order: str) -> None:
    await note(order)
    await charge(order)


@workflow(name="diary:days")
async def days(days: int) -> None:
    await note(f"{days} days")
    await mute()
    await sleep(f"{days}d")


@workflow(name="diary:silence")
async def silence() -> None:
    await mute()


def make(folder: Path) -> Shop:
    """The world; nothing of it is open afterwards, and no worker lives."""
    file = folder / "diary.db"
    configure(world=f"sqlite:///{file}", work=False)
    level, silent = app.level, logging.NullHandler()
    app.setLevel(logging.DEBUG)
    app.addHandler(silent)
    try:
        return Shop(file, asyncio.run(_start_all()))
    finally:
        app.setLevel(level)
        app.removeHandler(silent)


async def _start_all() -> dict[str, str]:
    async with worker():
        failed = await start(orders, "o-1")
        open_ = await start(days, 2)
        quiet = await start(silence)
        await asyncio.gather(failed.result(), quiet.result(), return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            while [wait.kind async for wait in open_.waits()] != ["sleep"]:
                await asyncio.sleep(0.001)
    await close()
    return {"failed": failed.run_id, "open": open_.run_id, "quiet": quiet.run_id}
