"""The memory World's face: a lock around each call, for heartbeats come from another thread. Calls never suspend."""

import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any

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
from perdure.worlds.memory import commit, ownership, query
from perdure.worlds.memory.hook import MemoryHooks
from perdure.worlds.memory.retention import MemoryRetention
from perdure.worlds.memory.state import Draft, State
from perdure.worlds.memory.stream import MemoryStreams


class Done:
    """An awaitable that has happened: what a commit came to, or why it failed."""

    def __init__(self, outcomes: list[Outcome], error: Exception | None = None) -> None:
        self._outcomes, self._error = outcomes, error

    def __await__(self) -> Generator[Any, Any, list[Outcome]]:
        if self._error is not None:
            raise self._error
        return self._outcomes
        yield  # makes this a generator; nothing is waited for


class MemoryWorld:
    """Runs in this process's memory. `clock` returns milliseconds since the epoch. Closing it forgets nothing."""

    def __init__(self, url: str = "memory://", clock: Callable[[], int] | None = None) -> None:
        self.url = url
        self._clock = clock or wall_clock_ms
        self._state = State()
        self._lock = threading.Lock()
        self._hints: list[Callable[[], None]] = []
        self.hooks = MemoryHooks(self._state, self._lock, self._clock)
        self.streams = MemoryStreams(self._state, self._lock)
        self.retention = MemoryRetention(self._state, self._lock, self._clock)
        self.transactions = None

    async def open(self) -> None:
        """Nothing to connect to."""

    async def close(self) -> None:
        """Nothing to let go of."""

    def now_ms(self) -> int:
        return self._clock()

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        self._hints.append(hint)

        def stop() -> None:
            if hint in self._hints:
                self._hints.remove(hint)

        return stop

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        with self._lock:
            draft = Draft(self._state, self._clock())
            try:
                outcomes = [commit.apply(draft, operation) for operation in operations]
            except Exception as error:  # whatever it is: nothing of this commit is written, and the caller is told
                return Done([], error)
            draft.publish()
        if draft.stirs:
            for hint in tuple(self._hints):
                hint()
        return Done(outcomes)

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        with self._lock:
            kept = self._state.runs.get(run_id)
        first = max(0, from_seq - 1)
        last = None if limit is None else first + limit
        return None if kept is None else Log(run=kept.record, rows=kept.rows[first:last])

    async def read_run(self, run_id: RunId) -> RunRecord | None:
        with self._lock:
            kept = self._state.runs.get(run_id)
        return None if kept is None else kept.record

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        with self._lock:
            kept = self._state.runs.get(run_id)
        return () if kept is None else kept.inbox

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        with self._lock:
            kept = self._state.runs.get(run_id)
        return kept is not None and kept.knows(mail_id)

    async def find_run(self, idempotency_key: str) -> RunRecord | None:
        with self._lock:
            run_id = self._state.keys.get(idempotency_key)
            return None if run_id is None else self._state.runs[run_id].record

    async def list_runs(self, filter: RunFilter) -> RunPage:
        with self._lock:
            return query.list_runs(self._state, filter)

    async def beat(self, lease: Lease) -> int:
        with self._lock:
            return ownership.beat(self._state, lease, self._clock())

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        with self._lock:
            ownership.retire(self._state, worker_id, died)

    async def workers(self) -> tuple[WorkerRecord, ...]:
        with self._lock:
            return ownership.workers(self._state, self._clock())

    async def claim(self, claim: Claim) -> list[Claimed]:
        with self._lock:
            return ownership.claim(self._state, claim, self._clock())

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        with self._lock:
            return ownership.reclaim(self._state, worker_id, run_id, epoch)

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        with self._lock:
            return [run for run in ownership.owned(self._state, worker_id) if run.mail or not with_mail]

    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        with self._lock:
            return ownership.next_due_ms(self._state, workflows, deployment)
