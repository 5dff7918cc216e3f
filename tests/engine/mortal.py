"""A process's way to its World: it may be slow, and it may be cut for good, as when the process dies."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from perdure.model.ids import RunId
from perdure.world import Append, Operation, Outcome, World


class Mortal:
    """Passes everything on to `inner`, which gets each commit `slow_s` later, and answers at once.

    With the append number `dies_at` (from 0) the process is cut off: that append lands (`lands`) or not, its answer never
    comes, and neither does any other. `died` is set then. While it is `deaf`, it gets no hints.
    """

    def __init__(self, inner: World, *, slow_s: float = 0.0, dies_at: int | None = None, lands: bool = True) -> None:
        self.inner, self.url = inner, inner.url
        self.slow_s, self._dies_at, self._lands = slow_s, dies_at, lands
        self.died, self.deaf = asyncio.Event(), False
        self.commits: list[list[Operation]] = []
        self._appends = 0
        self._stuck: list[asyncio.Future[None]] = []  # held here, or Python would collect who waits for them
        self.hooks, self.streams = _Through(self, inner.hooks), _Through(self, inner.streams)

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(list(operations))

    def appends(self, run_id: RunId) -> list[list[str]]:
        """What each append of this run said."""
        mine = [each for commit in self.commits for each in commit if isinstance(each, Append)]
        return [[row.type for row in append.rows] for append in mine if append.run_id == run_id]

    async def alive(self) -> None:
        """Wait for ever where the process has died."""
        if self.died.is_set():
            self._stuck.append(asyncio.get_running_loop().create_future())
            await self._stuck[-1]

    def now_ms(self) -> int:
        return self.inner.now_ms()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self.inner.subscribe(lambda: None if self.deaf or self.died.is_set() else hint())

    async def _commit(self, operations: list[Operation]) -> list[Outcome]:
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        await self.alive()
        if any(isinstance(operation, Append) for operation in operations):
            number, self._appends = self._appends, self._appends + 1
            if number == self._dies_at:
                if self._lands:
                    await self.inner.commit(operations)
                self.died.set()
                await self.alive()
        self.commits.append(operations)
        return await self.inner.commit(operations)

    def __getattr__(self, name: str) -> Any:
        return getattr(_Through(self, self.inner), name)


class _Through:
    """The way to one part of a World."""

    def __init__(self, way: Mortal, inner: Any) -> None:
        self._way, self._inner = way, inner

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._way.alive()
            return await method(*args, **kwargs)

        return call
