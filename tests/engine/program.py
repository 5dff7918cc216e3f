"""Workflows and steps for the engine's tests. What a step did is in `DID`, in order."""

import asyncio
import contextlib
from typing import Any

from perdure import (
    FatalError,
    Retry,
    get_run,
    get_step_metadata,
    heartbeat,
    set_attributes,
    sleep,
    start,
    step,
    workflow,
)

DID: list[str] = []
GATES: dict[str, asyncio.Event] = {}


def gate(name: str) -> asyncio.Event:
    """What a `wait_for` step of this name waits at."""
    return GATES.setdefault(name, asyncio.Event())


def clean() -> None:
    DID.clear()
    GATES.clear()


@step(name="t:do")
async def do(what: str) -> str:
    DID.append(f"{what}/{get_step_metadata().attempt}")
    return what


@step(name="t:wait_for")
async def wait_for(what: str) -> str:
    DID.append(f"{what}/{get_step_metadata().attempt}")
    await gate(what).wait()
    return what


@step(name="t:once", at_most_once=True)
async def once(what: str) -> str:
    DID.append(f"{what}/{get_step_metadata().attempt}")
    await gate(what).wait()
    return what


@step(name="t:fail", retry=Retry(max_retries=2, delay="10s", jitter=0.0, factor=1.0))
async def fail(what: str) -> str:
    DID.append(f"{what}/{get_step_metadata().attempt}")
    raise ValueError(what)


@step(name="t:fatal")
async def fatal(what: str) -> str:
    DID.append(f"{what}/{get_step_metadata().attempt}")
    raise FatalError(what)


@step(name="t:telling")
async def telling(what: str) -> str:
    await set_attributes(told=what)
    await heartbeat({"at": what})
    await gate(what).wait()
    return what


@workflow(name="t:one")
async def one(what: str) -> str:
    return await do(what)


@workflow(name="t:held")
async def held(what: str) -> str:
    """A step that waits for its gate, then another."""
    first = await wait_for(what)
    return f"{first}, {await do('then')}"


@workflow(name="t:careful_one")
async def careful_one(what: str) -> str:
    return await once(what)


@workflow(name="t:nap")
async def nap(seconds: float) -> str:
    await sleep(seconds)
    return await do("awake")


@workflow(name="t:failing")
async def failing(what: str) -> str:
    return await fail(what)


@workflow(name="t:doomed")
async def doomed(what: str) -> str:
    return await fatal(what)


@workflow(name="t:told")
async def told(what: str) -> str:
    return await telling(what)


@workflow(name="t:cleaning")
async def cleaning(what: str) -> str:
    """Compensates when it is cancelled."""
    try:
        return await wait_for(what)
    finally:
        await do("cleaned")


@workflow(name="t:stubborn")
async def stubborn() -> str:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await sleep("1h")


@workflow(name="t:parent")
async def parent(what: str) -> str:
    child = await start(held, what)
    return f"child: {await get_run(child.run_id, str).result()}"


@workflow(name="t:gathered")
async def gathered(count: int) -> list[str]:
    return await asyncio.gather(*(do(str(number)) for number in range(count)))


@workflow(name="t:callback")
async def callback(guarded: bool) -> str:
    """A plain callback opens a timer, where a replay finds a step."""
    if guarded:
        return await do("step")
    asyncio.get_running_loop().call_soon(lambda: asyncio.get_running_loop().call_later(1, print))
    await asyncio.get_running_loop().create_future()
    return "never"


@workflow(name="t:odd_end")
async def odd_end(how: str) -> Any:
    match how:
        case "interrupt":
            raise KeyboardInterrupt
        case "exit":
            raise SystemExit(1)
        case "cancelled":
            raise asyncio.CancelledError
        case _:
            return object()


ALL = (
    do, wait_for, once, fail, fatal, telling,
    one, held, careful_one, nap, failing, doomed, told, cleaning, stubborn, parent, gathered, callback, odd_end,
)  # fmt: skip
