"""Looking at a run from a test: what its log says, and waiting until it says so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from perdure import Run, RunFailed, RunInfo

PATIENCE_S = 20.0


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Look until the condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.001)


async def waiting_for(run: Run[Any], kind: str) -> RunInfo:
    """What the run says of itself once it waits for something of this kind."""

    async def waits() -> bool:
        return any(reason.kind == kind for reason in (await run.info()).waiting_for)

    await until(waits)
    return await run.info()


async def status_of(run: Run[Any], *, end: str) -> str:
    """The run's status, once it is this one."""

    async def has_it() -> bool:
        return await run.status() == end

    await until(has_it)
    return end


async def cause_of(run: Run[Any]) -> BaseException:
    """What the run failed with."""
    with pytest.raises(RunFailed) as caught:
        await run.result()
    assert caught.value.__cause__ is not None
    return caught.value.__cause__


async def facts(run: Run[Any], *types: str) -> list[dict[str, Any]]:
    """The data of the run's events of these types, in order; without types each event's type."""
    events = [event async for event in run.events()]
    return [event.data for event in events if event.type in types]


async def types_of(run: Run[Any]) -> list[str]:
    return [event.type async for event in run.events()]
