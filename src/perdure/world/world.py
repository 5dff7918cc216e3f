"""The World: small protocols, put together. `perdure.testing.conformance` is the suite that every adapter must pass.

Errors of every method: WorldUnavailable where the store can't be reached or an answer was lost (whether a write landed
is then unknown: read it back), WorldFull where nothing was written for want of space. Whatever else a `commit` raises
means that nothing of that commit was written.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world.hook import HookFilter, HookFinding, HookRecord
from perdure.world.log import Log
from perdure.world.mail import Letter
from perdure.world.operation import Operation, Outcome
from perdure.world.ownership import Claim, Claimed, Lease, Owned, WorkerRecord
from perdure.world.query import RunFilter, RunPage, RunRecord
from perdure.world.stream import StreamPage, StreamRecord
from perdure.world.transaction import Transactions


class Logs(Protocol):
    """Writing and reading runs."""

    def commit(self, operations: Sequence[Operation]) -> Awaitable[list[Outcome]]:
        """Do all in one durable transaction; outcomes in the same order. When it returns, it survives a power cut.

        Within one commit, operations are applied in order: a later one sees the effects of an earlier one. A plain call
        that returns an awaitable, so that an adapter may hand out a bare future and save a task.
        """
        ...

    async def read_log(self, run_id: RunId, from_seq: int = 1, limit: int | None = None) -> Log | None:
        """The run and its rows from `from_seq`, at most `limit`, in one snapshot; None if there is no such run."""
        ...

    async def read_run(self, run_id: RunId) -> RunRecord | None: ...

    async def read_mail(self, run_id: RunId) -> tuple[Letter, ...]:
        """The letters that wait, in order of acceptance."""
        ...

    async def has_mail(self, run_id: RunId, mail_id: MailId) -> bool:
        """Whether the run's inbox or log has this letter, in one snapshot."""
        ...

    async def find_run(self, idempotency_key: str) -> RunRecord | None: ...

    async def list_runs(self, filter: RunFilter) -> RunPage: ...


class Hooks(Protocol):
    """Hooks by their tokens, for who reaches a run from outside."""

    async def find(self, token_hash: str) -> HookFinding | None:
        """The open hook with this token, expired or not; where there is none, the one that was registered last; None:
        there never was one."""
        ...

    async def list(self, filter: HookFilter) -> tuple[HookRecord, ...]: ...


class Streams(Protocol):
    """Streams, for their readers."""

    async def read(self, run_id: RunId, stream: str, from_index: int, limit: int) -> StreamPage | None:
        """The stream, and at most `limit` of its chunks from that index (0 or more) on; None if there is no such run.

        An index past the tail is no error: there are no chunks then. Where there are, at least one comes, but a page
        may end before its limit (see `PAGE_BYTES`).
        """
        ...

    async def list(self, run_id: RunId) -> tuple[StreamRecord, ...]:
        """The streams that somebody wrote or closed, by name (its code points)."""
        ...


class Retention(Protocol):
    """Runs that are no longer kept."""

    async def prune(self, ended_for_ms: int, limit: int) -> int:
        """Remove runs that ended at least so long ago, by the store's clock: at most `limit`, those that ended first.
        How many.

        Afterwards nothing of them is left: log, mail, hooks, streams. Their idempotency keys are free. A run is kept as
        long as its parent is: what the parent retries may look for it. So a tree goes from its root on, a generation
        at a call; 0 means that there is nothing left but what somebody else is changing. Harmless to repeat, or to do
        twice at once.
        """
        ...


class Ownership(Protocol):
    """Who may append to what."""

    async def beat(self, lease: Lease) -> int:
        """Make or renew the worker's lease; returns its end by the store's clock. Harmless to repeat.

        May be called from another thread's event loop than the other methods.
        """
        ...

    async def retire(self, worker_id: WorkerId, *, died: bool) -> None:
        """End the lease now. With `died` its runs count as recoveries when they are claimed. Harmless to repeat."""
        ...

    async def workers(self) -> tuple[WorkerRecord, ...]:
        """Every worker that has a live lease or still owns runs."""
        ...

    async def claim(self, claim: Claim) -> list[Claimed]:
        """Take runs over: epoch + 1, `owner` set, `wake_at_ms` cleared, all in one transaction.

        Never runs that are blocked or ended, nor workflows that were not named, nor runs pinned to another deployment, nor
        the claimer's own, even where its lease has lapsed (that is `reclaim`'s). Least recently due first.
        """
        ...

    async def reclaim(self, worker_id: WorkerId, run_id: RunId, epoch: int) -> Claimed | None:
        """Claim afresh (epoch + 1) a run that this worker owns with `epoch` but doesn't hold; None if it's no longer so."""
        ...

    async def owned(self, worker_id: WorkerId, *, with_mail: bool = False) -> list[Owned]:
        """Its runs. `with_mail`: only those for which letters wait; asked at every hint, so it must not look at them all."""
        ...

    async def next_due_ms(self, workflows: tuple[str, ...], deployment: str = "") -> int | None:
        """The earliest `wake_at_ms` among unowned runs of these workflows that are pinned to this deployment or to none.

        By the store's clock; None if there is none.
        """
        ...


class World(Logs, Ownership, Protocol):
    """A place that keeps runs."""

    url: str

    @property
    def hooks(self) -> Hooks: ...

    @property
    def streams(self) -> Streams: ...

    @property
    def retention(self) -> Retention: ...

    @property
    def transactions(self) -> Transactions | None:
        """For steps that write to tables of their own; None: the store has no tables."""
        ...

    async def open(self) -> None:
        """Connect and check the schema. Raises: WorldInvalid, SchemaMissing, SchemaTooNew, WorldUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of connections and threads. Harmless to repeat."""
        ...

    def now_ms(self) -> int:
        """The store's clock as well as it is known without asking: a hint for timers, never a proof."""
        ...

    def subscribe(self, hint: Callable[[], None]) -> Callable[[], None]:
        """Call `hint` (from any thread) when somebody else may have written; returns the way to stop that. May be lossy."""
        ...
