"""A hook as its body has it: payloads wait in order until somebody takes them.

A reader wakes and then takes, as in `asyncio.Queue`: one that is cancelled in between takes nothing, and the next does.
What a loser of a race has taken all the same, in the pass of the loop in which it lost, is put back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Raw

from perdure.codec.value import decode
from perdure.errors import DecodeError, HookConflict, HookExpired, UsageError
from perdure.model.event import HookCreated
from perdure.model.ids import RunId

if TYPE_CHECKING:
    from perdure.replay.body import Body


REASON_CHARACTERS_MAX = 2000


class PutBack(NamedTuple):
    """A payload that was taken, decoded, by somebody who had no use for it."""

    value: Any


class BodyHook:
    """One hook. `over` once it is disposed or has expired; what was accepted before is still there to be taken."""

    __slots__ = ("_body", "_decided", "_owner", "_payloads", "_readers", "created", "expired", "key", "over", "type")

    def __init__(self, body: "Body", key: str, created: HookCreated, type_: Any) -> None:
        self._body, self.key, self.created, self.type = body, key, created, type_
        self._decided: asyncio.Future[None] = body.loop.create_future()
        self._owner: RunId | None = None
        self._payloads: deque[Raw | PutBack] = deque()
        self._readers: deque[asyncio.Future[None]] = deque()
        self.over = self.expired = False

    # -- called by the body

    def decide(self, owner: RunId | None) -> None:
        """The World has registered it, or (another run has the token) has not."""
        self._owner = owner
        if not self._decided.done():
            self._decided.set_result(None)
        if owner is not None:
            self.over = True
            self._wake_all()

    def put(self, payload: Raw) -> None:
        self._payloads.append(payload)
        self._wake_next()

    def expire(self) -> None:
        self.over = self.expired = True
        self._wake_all()

    def rejects(self, payload: Raw) -> str | None:
        """Why this payload doesn't fit the type, path first; None: it does."""
        try:
            decode(payload, self.type, "payload")
        except DecodeError as error:  # in the type's own words: they may be anything, and must not keep it from the log
            reason = f"{error.path}: {error.reason}"[:REASON_CHARACTERS_MAX]
            return reason.encode("utf-8", "backslashreplace").decode()
        return None

    # -- called by verbs

    async def registered(self) -> None:
        """Wait until the World has decided. Raises: HookConflict."""
        await asyncio.shield(self._decided)
        self._check()

    async def waits(self) -> bool:
        """Wait until there is a payload to take. False: there is none, and none will come. Raises: HookConflict."""
        while not self._payloads:
            self._check()
            if self.over:
                return False
            await self._wait()
        return True

    async def take(self) -> Any:
        """The next payload, decoded. Raises: HookConflict, HookExpired, UsageError once it is disposed, DecodeError."""
        if await self.waits():
            payload = self._payloads.popleft()
            return payload.value if isinstance(payload, PutBack) else decode(payload, self.type, "payload")
        if self.expired:
            raise HookExpired(self.created.token)
        raise UsageError("this hook was disposed, and has no payload left: await it before that")

    def put_back(self, value: Any) -> None:
        """It is the next payload again."""
        self._payloads.appendleft(PutBack(value))
        self._wake_next()

    def dispose(self) -> None:
        """Give the token back. A second time does nothing."""
        if not self.over:
            self.over = True
            self._body.dispose(self.key)
            self._wake_all()

    def _check(self) -> None:
        if self._owner is not None:
            raise HookConflict(self.created.token, self._owner)

    async def _wait(self) -> None:
        reader: asyncio.Future[None] = self._body.loop.create_future()
        self._readers.append(reader)
        try:
            await reader
        except asyncio.CancelledError:
            if reader in self._readers:
                self._readers.remove(reader)
            elif self._payloads:  # it was woken, and doesn't take
                self._wake_next()
            raise

    def _wake_next(self) -> None:
        while self._readers:
            reader = self._readers.popleft()
            if not reader.done():
                reader.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._readers:
            self._wake_next()


class NextPayload:
    """What a body awaits for a hook's next payload."""

    def __init__(self, hook: BodyHook) -> None:
        self._hook = hook

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._hook.take().__await__()

    def _put_back(self, value: Any) -> None:
        """Whoever awaited it has no use for what came."""
        self._hook.put_back(value)


def put_back(awaited: object, future: "asyncio.Future[Any]") -> None:
    """Where this was a hook's next payload, and it has come, it is the next one again."""
    if isinstance(awaited, NextPayload) and future.done() and not future.cancelled() and future.exception() is None:
        awaited._put_back(future.result())  # pyright: ignore[reportPrivateUsage]


def open_hook(body: "Body", kind: str, make: Callable[[HookCreated | None], HookCreated], type_: Any) -> BodyHook:
    """Ask for a hook; what the World decides comes with the next turn.

    `make` gets what the log has under its key, if anything: a random token can't be made twice.
    """
    key = body.key(kind)
    recorded = body.machine.recorded(key)
    created = make(recorded if isinstance(recorded, HookCreated) else None)
    body.ask(key, created)
    hook = body.hooks[key] = BodyHook(body, key, created, type_)
    return hook
