"""Waiting for several things at once, from code without a loop."""

import asyncio
from collections.abc import AsyncIterable, Awaitable, Iterable, Iterator
from typing import TypeVar

import perdure
from perdure.model.duration import Duration
from perdure.sync.background import BACKGROUND
from perdure.sync.blocking import each

T = TypeVar("T")


def as_completed(aws: Iterable[Awaitable[T]], *, timeout: Duration | None = None) -> Iterator[asyncio.Future[T]]:
    """What finishes first comes first, each with its `result()`. Raises: TimeoutError, at the next after `timeout`."""

    async def begin() -> AsyncIterable[asyncio.Future[T]]:
        return perdure.as_completed(aws, timeout=timeout)

    return each("as_completed", BACKGROUND.run("as_completed", begin))
