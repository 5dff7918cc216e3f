"""What the memory World keeps, and how a commit changes it all at once or not at all.

Everything kept is immutable: a commit puts new values into a draft that lies over the state, and publishing the draft
can't fail. What may be written when is decided in `commit` and `ownership`.
"""

from collections import ChainMap

from msgspec import Struct

from perdure.model.ids import MailId, RunId, WorkerId
from perdure.world import Chunk, HookRecord, Letter, Row, RunRecord


class Kept(Struct, frozen=True, kw_only=True):
    """A run with its log and its waiting letters, in order of acceptance. `at_ms`: no `at` comes before it."""

    record: RunRecord
    rows: tuple[Row, ...]
    inbox: tuple[Letter, ...]
    at_ms: int
    probation: bool

    def knows(self, mail_id: MailId) -> bool:
        """Whether the inbox or the log has this letter."""
        return any(letter.mail_id == mail_id for letter in self.inbox) or self.logged(mail_id)

    def logged(self, mail_id: MailId) -> bool:
        return any(row.mail_id == mail_id for row in self.rows)


class Stream(Struct, frozen=True, kw_only=True):
    """A stream. `by_end`: it was the end of its run that closed it."""

    chunks: tuple[Chunk, ...] = ()
    closed: bool = False
    by_end: bool = False


class Worker(Struct, frozen=True, kw_only=True):
    """A lease. `graceful`: its worker took leave, so that the runs it left behind don't count as deaths."""

    lease_until_ms: int
    graceful: bool
    process: str = ""
    workflows: tuple[str, ...] = ()
    deployment: str = ""


NEVER_SEEN = Worker(lease_until_ms=0, graceful=False)
"""How a worker stands that owns runs and never made a lease."""


HookPlace = tuple[RunId, str]
"""A hook, by its run and key."""


class State:
    """All runs by id, the owners of idempotency keys, all workers.

    Hooks by run and key, and who had a token, in order of registration; streams by run and name.
    """

    def __init__(self) -> None:
        self.runs: dict[RunId, Kept] = {}
        self.keys: dict[str, RunId] = {}
        self.hooks: dict[RunId, dict[str, HookRecord]] = {}
        self.tokens: dict[str, tuple[HookPlace, ...]] = {}
        self.streams: dict[RunId, dict[str, Stream]] = {}
        self.workers: dict[WorkerId, Worker] = {}

    def is_live(self, worker_id: WorkerId, now_ms: int) -> bool:
        return self.workers.get(worker_id, NEVER_SEEN).lease_until_ms > now_ms


class Draft:
    """The state as one commit sees it, with its own changes. `stirs`: it left something that others may claim."""

    def __init__(self, state: State, now_ms: int) -> None:
        self._state = state
        self._runs: dict[RunId, Kept] = {}
        self._keys: dict[str, RunId] = {}
        self._hooks: dict[RunId, dict[str, HookRecord]] = {}
        self._tokens: dict[str, tuple[HookPlace, ...]] = {}
        self._streams: dict[RunId, dict[str, Stream]] = {}
        self.runs: ChainMap[RunId, Kept] = ChainMap(self._runs, state.runs)
        self.keys: ChainMap[str, RunId] = ChainMap(self._keys, state.keys)
        self.hooks: ChainMap[RunId, dict[str, HookRecord]] = ChainMap(self._hooks, state.hooks)
        self.tokens: ChainMap[str, tuple[HookPlace, ...]] = ChainMap(self._tokens, state.tokens)
        self.streams: ChainMap[RunId, dict[str, Stream]] = ChainMap(self._streams, state.streams)
        self.now_ms = now_ms
        self.stirs = False

    def is_live(self, worker_id: WorkerId) -> bool:
        return self._state.is_live(worker_id, self.now_ms)

    def put_hook(self, hook: HookRecord) -> None:
        self.hooks[hook.run_id] = {**self.hooks.get(hook.run_id, {}), hook.key: hook}

    def put_stream(self, run_id: RunId, name: str, stream: Stream) -> None:
        self.streams[run_id] = {**self.streams.get(run_id, {}), name: stream}

    def publish(self) -> None:
        self._state.runs.update(self._runs)
        self._state.keys.update(self._keys)
        self._state.hooks.update(self._hooks)
        self._state.tokens.update(self._tokens)
        self._state.streams.update(self._streams)
