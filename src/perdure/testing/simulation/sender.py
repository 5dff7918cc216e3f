"""A sender: payloads to a run's hooks until the run is over, each resolved once and insisted on (M3)."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Protocol

from perdure.codec.value import encode
from perdure.engine.engine import Engine
from perdure.engine.hook import FoundHook, find_hook, resume
from perdure.errors import HookNotFound
from perdure.model.ids import RunId

EVERY_S = (0.02, 0.45)
QUIET_S = 0.1
LINGER_S = (0.0, 0.6)
NEAR_MS = (-60, 30)
MARK = "mail "
"""How every payload begins, so that results can be searched for them."""


@dataclass
class Sent:
    """One payload, like no other. `run_id` and `key`: of the hook that it went to, once that was found.

    `told`: "accepted" or "refused"; empty while nobody has said.
    """

    token: str
    payload: str
    run_id: RunId | None = None
    key: str = ""
    told: str = ""


class Insist(Protocol):
    """Ask somebody, until somebody answers."""

    def __call__(self, job: Callable[[Engine], Awaitable[Any]]) -> Awaitable[Any]: ...


class Sender:
    """One client's, who insists with `insist`; `now_ms`: the store's clock."""

    def __init__(
        self, insist: Insist, random: Random, now_ms: Callable[[], int], number: int, sent: list[Sent], *, quiet: bool
    ) -> None:
        self._insist, self._random, self._now_ms = insist, random, now_ms
        self._number, self._sent, self._quiet = number, sent, quiet

    async def live(self, tokens: tuple[str, ...], over: Callable[[], bool]) -> None:
        """Send payload after payload, now and then two at once, to any of these tokens, until it is `over`."""
        while not over():
            await asyncio.sleep(QUIET_S if self._quiet else self._random.uniform(*EVERY_S))
            at_once = 1 if self._quiet or self._random.random() < 0.8 else 2
            await asyncio.gather(*(self._send(self._random.choice(tokens)) for _ in range(at_once)))

    async def _send(self, token: str) -> None:
        sent = Sent(token, f"{MARK}{self._number}.{len(self._sent)}")
        self._sent.append(sent)
        try:
            found: FoundHook = await self._insist(partial(find_hook, token=token))
            sent.run_id, sent.key = found.record.run_id, found.record.key
            if not self._quiet:
                await self._hesitate(found.record.expires_at_ms)
            payload = encode(sent.payload, "payload")
            await self._insist(lambda engine: resume(engine, found, payload, sent.payload))
            sent.told = "accepted"
        except HookNotFound:
            sent.told = "refused"

    async def _hesitate(self, expires_ms: int | None) -> None:
        """The hook may be over by the time of the sending: about when it expires, if it does."""
        chance = self._random.random()
        if expires_ms is not None and chance < 0.5:
            at_ms = expires_ms + self._random.uniform(*NEAR_MS)
            await asyncio.sleep(max(0.0, at_ms - self._now_ms()) / 1000)
        elif chance < 0.65 and expires_ms is None and chance > 0.5:
            await asyncio.sleep(self._random.uniform(*LINGER_S))
