"""Hooks as a World keeps them: who may be reached under a token's hash. The token itself lies in the log."""

from msgspec import Struct

from perdure.model.ids import RunId
from perdure.world.log import Row


class NewHook(Struct, frozen=True, gc=False, kw_only=True):
    """Register a hook. `row` is the place of its `hook_created` among the append's rows (from 0).

    Where an open hook that hasn't expired has the token (this run's own, too), nothing is registered: the row becomes a
    `hook_conflict`, `decided` names that hook's run, and the outcome says so. One that has expired is closed for it.
    A run has a `key` once: to register a second hook under it fails the commit.
    """

    key: str
    token_hash: str
    row: int
    webhook: bool = False
    expires_at_ms: int | None = None


class HookClosing(Struct, frozen=True, gc=False, kw_only=True):
    """Give the token of this run's hook back. A second time, or for a hook that isn't there, it does nothing."""

    key: str


class HookReopening(Struct, frozen=True, gc=False, kw_only=True):
    """A retried run goes on with this hook: it is open again, under its token.

    The append is refused (HOOK) where another open hook that hasn't expired has the token meanwhile, or another
    reopening of this append asks for it. Where the hook itself has expired it stays closed, and hinders nothing; one
    that is open, or isn't there, is left as it is.
    """

    key: str


HookChange = NewHook | HookClosing | HookReopening


class HookRecord(Struct, frozen=True, gc=False, kw_only=True):
    """A hook's row. `seq` is its `hook_created` in the run's log; a closed hook is kept as long as its run.

    `closed`: the token was given back, or the run has ended, or another hook was registered after this one expired. A
    hook that has merely expired isn't closed by that: compare `expires_at_ms` (the first moment at which it takes
    nothing, by the store's clock).
    """

    run_id: RunId
    key: str
    token_hash: str
    seq: int
    webhook: bool
    expires_at_ms: int | None
    closed: bool
    created_at_ms: int


class HookFinding(Struct, frozen=True, gc=False, kw_only=True):
    """A hook, and its `hook_created` as the log has it, read in one snapshot."""

    record: HookRecord
    row: Row


class HookFilter(Struct, frozen=True, gc=False, kw_only=True):
    """Open hooks that haven't expired, the newest first, by run id, then seq.

    `before` is the cursor, run id and seq of the last hook seen: only those that come after it in this order.
    """

    limit: int = 20
    before: tuple[RunId, int] | None = None
