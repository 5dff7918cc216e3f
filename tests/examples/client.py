"""A client of an example's app, and waiting for what its run does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from perdure import Run, get_hook
from perdure.errors import HookNotFound

PATIENCE_S = 20.0


@asynccontextmanager
async def client_of(api: FastAPI, **headers: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(api), base_url="https://app.example", headers=headers
    ) as client:
        yield client


async def hook_under(token: str) -> None:
    """Return when a hook takes payloads under this token."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await get_hook(token)
            except HookNotFound:
                await asyncio.sleep(0.001)
            else:
                return


async def hook_gone(token: str) -> None:
    """Return when no hook takes payloads under this token."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await get_hook(token)
            except HookNotFound:
                return
            await asyncio.sleep(0.001)


async def sleeping(run: Run[Any], count: int = 1) -> None:
    """Return when the run waits in its `count`th sleep."""

    async def is_asleep() -> bool:
        sleeps = [wait.status for wait in (await run.waits()).items if wait.kind == "sleep"]
        return len(sleeps) >= count and sleeps[-1] == "waiting"

    await until(is_asleep)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when it holds. Raises: TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():
            await asyncio.sleep(0.001)
