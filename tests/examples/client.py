"""A client of an example's app, and waiting for what its run does."""

import asyncio
from collections.abc import AsyncIterator
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


async def sleeping(run: Run[Any]) -> None:
    """Return when the run waits in its first sleep."""
    async with asyncio.timeout(PATIENCE_S):
        while not any(wait.kind == "sleep" for wait in (await run.waits()).items):
            await asyncio.sleep(0.001)
