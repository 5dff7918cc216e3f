"""The World as one process sees it: the port, over a wire on which things happen."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.testing.simulation.store import Store, done
from perdure.testing.simulation.transaction import FaultyTransactions
from perdure.testing.simulation.wire import Wire
from perdure.world import (
    Claim,
    Claimed,
    HookFilter,
    HookFinding,
    HookRecord,
    Lease,
    Letter,
    Log,
    Operation,
    Outcome,
    Owned,
    RunFilter,
    RunPage,
    RunRecord,
    StreamPage,
    StreamRecord,
    WorkerRecord,
)


class FaultyHooks:
    """Hooks, over the wire."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._hooks, self._wire = store.world.hooks, wire

    async def find(self, token_hash: str) -> HookFinding | None:
        return await self._wire.ask("hooks.find", lambda: done(self._hooks.find(token_hash)))

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]:
        return await self._wire.ask("hooks.list", lambda: done(self._hooks.list(filter)))


class FaultyStreams:
    """Streams, over the wire."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._streams, self._wire = store.world.streams, wire

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        return await self._wire.ask("streams.read", lambda: done(self._streams.read(run_id, stream, from_index, limit)))

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        return await self._wire.ask("streams.list", lambda: done(self._streams.list(run_id)))


class FaultyRetention:
    """What is no longer kept, over the wire."""

    def __init__(self, store: Store, wire: Wire) -> None:
        self._retention, self._wire = store.world.retention, wire

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        return await self._wire.ask("retention.prune", lambda: done(self._retention.prune(ended_for_ms, limit)))


class FaultyWorld:
    """A World for one process. `skew_ms`: how far its idea of the store's clock is off."""

    def __init__(self, store: Store, wire: Wire, skew_ms: int) -> None:
        self.url = "simulation://"
        self._store, self._wire, self._skew_ms = store, wire, skew_ms
        self._just_claimed: set[RunId] = set()
        self.hooks = FaultyHooks(store, wire)
        self.streams = FaultyStreams(store, wire)
        self.retention = FaultyRetention(store, wire)
        self.transactions = FaultyTransactions(store, wire)

    # -- the port

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def now_ms(self) -> int:
        return self._store.now_ms() + self._skew_ms

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        return self._store.world.subscribe(partial(self._wire.hint, hint))

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        if self._wire.happens("full"):
            return self._wire.full()
        return self._wire.ask("commit", partial(self._store.commit, tuple(operations)))

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        if run_id in self._just_claimed and from_seq == 1 and limit is None:  # as who claims reads
            self._just_claimed.discard(run_id)
            if self._wire.happens("stale"):
                return await self._wire.ask("read_log", partial(self._store.older_log, run_id))
        return await self._wire.call("read_log", run_id, from_seq, limit)

    async def read_run(self, run_id: RunId) -> RunRecord | None:
        return await self._wire.call("read_run", run_id)

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return await self._wire.call("read_mail", run_id)

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        return await self._wire.call("has_mail", run_id, mail_id)

    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        return await self._wire.call("find_run", idempotency_key)

    async def list_runs(self, filter: RunFilter) -> RunPage:
        return await self._wire.call("list_runs", filter)

    async def beat(self, lease: Lease) -> int:
        return await self._wire.call("beat", lease)

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        await self._wire.ask("retire", partial(self._store.call, "retire", worker_id, died=died))

    async def workers(self) -> tuple[WorkerRecord, ...]:
        return await self._wire.call("workers")

    async def claim(self, claim: Claim) -> list[Claimed]:
        claimed: list[Claimed] = await self._wire.call("claim", claim)
        self._just_claimed = {run.run_id for run in claimed}
        return claimed

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        return await self._wire.call("reclaim", worker_id, run_id, epoch)

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        return await self._wire.ask("owned", partial(self._store.call, "owned", worker_id, with_mail=with_mail))

    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        return await self._wire.call("next_due_ms", workflows, deployment)
