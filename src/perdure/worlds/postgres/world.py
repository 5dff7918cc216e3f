"""The PostgreSQL World's face: each call is a statement or two, asked of the pool of the loop that calls."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial

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
from perdure.worlds.postgres import mail, ownership, query
from perdure.worlds.postgres.commit import commit
from perdure.worlds.postgres.guest import PostgresTransactions
from perdure.worlds.postgres.hook import PostgresHooks
from perdure.worlds.postgres.location import location_of
from perdure.worlds.postgres.reading import Readings
from perdure.worlds.postgres.retention import PostgresRetention
from perdure.worlds.postgres.store import Store
from perdure.worlds.postgres.stream import PostgresStreams


class PostgresWorld:
    """Runs in one schema of a PostgreSQL database: postgresql://user:password@host:5432/database?schema=name.

    `url` is without the password. `clock` returns milliseconds since the epoch, in place of the server's. Without
    `create` nothing is migrated, whatever the URL says, for those who only look.
    Raises: WorldInvalid, if the URL isn't one of these.
    """

    def __init__(self, url: str, clock: Callable[[], int] | None = None, *, create: bool = True) -> None:
        location = location_of(url)
        self.url = location.shown
        self._migrate = create and location.migrate
        self._store = Store(location, clock)
        self._logs = Readings(partial(query.read_logs, self._store))
        self._runs = Readings(partial(query.read_runs, self._store))
        self._workers = Readings(partial(ownership.workers, self._store))
        self.hooks = PostgresHooks(self._store)
        self.streams = PostgresStreams(self._store)
        self.retention = PostgresRetention(self._store)
        self.transactions = PostgresTransactions(self._store)

    async def open(self) -> None:
        await self._store.open(migrate=self._migrate)

    async def close(self) -> None:
        await self._store.close()

    def now_ms(self) -> int:
        return self._store.now_ms()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        """`hint` is called from this process's commits, and in the loop that subscribed when another process tells."""
        hints = self._store.hints
        hints.append(hint)
        with suppress(RuntimeError):  # no loop runs here: this process's own commits are all that is heard of
            self._store.listen()

        def stop() -> None:
            if hint in hints:
                hints.remove(hint)

        return stop

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        return commit(self._store, operations)

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        return await self._logs.answer(query.Part(run_id, from_seq, limit))

    async def read_run(self, run_id: RunId) -> RunRecord | None:
        return await self._runs.answer(run_id)

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return await mail.read_mail(self._store, run_id)

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return await mail.has_mail(self._store, run_id, mail_id)

    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return await query.find_run(self._store, idempotency_key)

    async def list_runs(self, filter: RunFilter) -> RunPage:
        return await query.list_runs(self._store, filter)

    async def beat(self, lease: Lease) -> int:
        return await ownership.beat(self._store, lease)

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await ownership.retire(self._store, worker_id, died)

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._workers.answer(None)

    async def claim(self, claim: Claim) -> list[Claimed]:
        return await ownership.claim(self._store, claim)

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        return await ownership.reclaim(self._store, worker_id, run_id, epoch)

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        return await ownership.owned(self._store, worker_id, with_mail)

    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        return await ownership.next_due_ms(self._store, workflows, deployment)
