"""A World with moods: away, full, losing answers, choking on one operation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from perdure.errors import WorldFull, WorldUnavailable
from perdure.world import Append, Operation, Outcome, World


class MoodyWorld:
    """Passes everything on to `inner`, but for its mood. `batches` has what each commit was asked."""

    def __init__(self, inner: World) -> None:
        self.inner = inner
        self.url = inner.url
        self.hooks, self.streams, self.retention = inner.hooks, inner.streams, inner.retention
        self.away = self.full = False
        self.answers_to_lose = 0
        self.chokes_on: Callable[[Operation], bool] = lambda _: False
        self.batches: list[list[Operation]] = []
        self.delay_s = 0.0
        self.reads = 0

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._commit(list(operations))

    async def _commit(self, operations: list[Operation]) -> list[Outcome]:
        self.batches.append(operations)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        self._look()
        if self.full and any(isinstance(operation, Append) and operation.rows for operation in operations):
            raise WorldFull("/there")
        if any(self.chokes_on(operation) for operation in operations):
            raise ValueError("choked")
        outcomes = await self.inner.commit(operations)
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise WorldUnavailable("the answer was lost")
        return outcomes

    def _look(self) -> None:
        if self.away:
            raise WorldUnavailable("it is away")

    def now_ms(self) -> int:
        return self.inner.now_ms()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self.inner.subscribe(hint)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.inner, name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            self.reads += 1
            self._look()
            return await method(*args, **kwargs)

        return call
