"""The SQLite World's face: each call goes to the thread that writes or to those that read."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world import (
    Claim,
    Claimed,
    Lease,
    Letter,
    Log,
    Operation,
    Outcome,
    Owned,
    RunFilter,
    RunPage,
    RunRecord,
    WorkerRecord,
)
from perdure.world.clock import wall_clock_ms
from perdure.worlds.sqlite import mail, ownership, query
from perdure.worlds.sqlite.append import append
from perdure.worlds.sqlite.commit import commit
from perdure.worlds.sqlite.guest import SqliteTransactions
from perdure.worlds.sqlite.hook import SqliteHooks
from perdure.worlds.sqlite.location import path_of
from perdure.worlds.sqlite.retention import SqliteRetention
from perdure.worlds.sqlite.row import read_record
from perdure.worlds.sqlite.store import Store
from perdure.worlds.sqlite.stream import SqliteStreams


class SqliteWorld:
    """Runs in one SQLite file; `sqlite:///runs.db` is relative, `sqlite:////var/runs.db` absolute.

    `clock` returns milliseconds since the epoch. Without `create` a missing file is an error, for those who only look.
    Raises: WorldInvalid, if the URL isn't one of these.
    """

    def __init__(self, url: str, clock: Callable[[], int] | None = None, *, create: bool = True) -> None:
        self.url = url
        self._clock = clock or wall_clock_ms
        self._store = Store(url, path_of(url), self._clock, create=create)
        self.hooks = SqliteHooks(self._store)
        self.streams = SqliteStreams(self._store)
        self.retention = SqliteRetention(self._store)
        self.transactions = SqliteTransactions(self._store.visit, append)

    async def open(self) -> None:
        await asyncio.to_thread(self._store.open)

    async def close(self) -> None:
        await asyncio.to_thread(self._store.close)

    def now_ms(self) -> int:
        return self._clock()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        """`hint` is called from the writer's thread, at the latest 20 ms after another process has written."""
        hints = self._store.hints
        hints.append(hint)

        def stop() -> None:
            if hint in hints:
                hints.remove(hint)

        return stop

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return self._store.write(commit, operations)

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await self._store.read(query.read_log, run_id, from_seq, limit)

    async def read_run(self, run_id: RunId) -> RunRecord | None:
        return await self._store.read(read_record, run_id)

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return await self._store.read(mail.read_mail, run_id)

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return await self._store.read(mail.has_mail, run_id, mail_id)

    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return await self._store.read(query.find_run, idempotency_key)

    async def list_runs(self, filter: RunFilter) -> RunPage:
        return await self._store.read(query.list_runs, filter)

    async def beat(self, lease: Lease) -> int:
        return await self._store.write(ownership.beat, lease)

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await self._store.write(ownership.retire, worker_id, died)

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._store.read(ownership.workers, self._clock())

    async def claim(self, claim: Claim) -> list[Claimed]:
        return await self._store.write(ownership.claim, claim)

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        return await self._store.write(ownership.reclaim, worker_id, run_id, epoch)

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        return await self._store.read(ownership.owned, worker_id, with_mail)

    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        return await self._store.read(ownership.next_due_ms, workflows, deployment)
