"""Waits in a body: durable sleeps, and the timers that plain asyncio opens on perdure's loop."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from perdure.model.event import Request, WaitCreated


class Asker(Protocol):
    """The part of a body that a wait needs."""

    def key(self, kind: str, name: str = "") -> str: ...

    def ask_for(self, key: str, request: Request) -> asyncio.Future[Any]: ...

    def release(self, key: str) -> None: ...


class TimerWait:
    """A timer that asyncio opened (`asyncio.sleep`, `timeout`, `wait_for`): a wait, recorded like every other."""

    __slots__ = ("_body", "_callback", "key")

    def __init__(self, body: Asker, key: str) -> None:
        self._body = body
        self._callback: Callable[[], None] | None = None
        self.key = key

    def request(self, due_ms: int, is_timeout: bool) -> WaitCreated:
        return WaitCreated(due_ms=due_ms, timeout=is_timeout)

    def on_due(self, callback: Callable[[], None]) -> None:
        self._callback = callback

    def due(self) -> None:
        if self._callback is not None:
            self._callback()

    def release(self) -> None:
        self._body.release(self.key)


async def sleep_until(body: Asker, due_ms: int) -> None:
    """A durable sleep."""
    key = body.key("sleep")
    future = body.ask_for(key, WaitCreated(due_ms=due_ms))
    try:
        await future
    except asyncio.CancelledError:
        body.release(key)
        raise
