"""The store that all processes share: a memory World on the virtual clock, watched.

It notes what only the store can know: which letters it accepted and in which order, which runs were born with an owner
and whether that owner's lease was live, where each run's last append began.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from perdure.model.ids import MailId, RunId, StepId, WorkerId, token_hash
from perdure.testing.simulation.switchboard import Switchboard
from perdure.testing.simulation.universe import Universe
from perdure.world import (
    Append,
    Appended,
    Letter,
    Log,
    Operation,
    Outcome,
    RunFilter,
    RunRecord,
    Send,
    Sent,
    Start,
    StreamPage,
)
from perdure.worlds.memory import MemoryWorld

T = TypeVar("T")
BASE_MS = 1_760_000_000_000
STALE_MS = 300


def done(awaitable: Awaitable[T]) -> T:
    """The result of something that never suspends, as every call of the memory World."""
    steps: Generator[Any, Any, T] = awaitable.__await__()
    try:
        next(steps)
    except StopIteration as result:
        return result.value
    raise AssertionError("the memory World suspended")


@dataclass
class Watched:
    """What the store saw. `accepted`: letters by run, in order of acceptance.

    `early`: runs that were to be cancelled before anybody had them; `born_dead`: born with an owner without a lease;
    `unowned`: those that somebody else than their owner has appended to.
    `hooks`: what was wrong with one, by run, at the moment at which it went wrong.
    """

    accepted: dict[RunId, list[Letter]] = field(default_factory=dict[RunId, list[Letter]])
    early: set[RunId] = field(default_factory=set[RunId])
    born_dead: list[RunId] = field(default_factory=list[RunId])
    unowned: list[RunId] = field(default_factory=list[RunId])
    hooks: list[tuple[RunId, str]] = field(default_factory=list[tuple[RunId, str]])


class Booked(NamedTuple):
    """A row that a transactional step has written: by which attempt."""

    step_id: StepId
    attempt: int


class Store:
    """Calls are plain, and happen at once. `poison`: what it says of an append can't be stored, by anyone.

    `booked`: the rows of transactional steps. `exclusive`: what it says of itself as a store that has one writer.
    """

    def __init__(self, universe: Universe, poison: Callable[[Append], bool] = lambda _: False) -> None:
        self._universe, self._poison = universe, poison
        self.offset_ms = 0
        self.booked: list[Booked] = []
        self.exclusive = universe.seed % 2 == 0
        self.world = MemoryWorld(clock=self.now_ms)
        self.watched = Watched()
        self._switchboard = Switchboard(self.now_ms, self.watched.hooks)
        self._appended: dict[RunId, tuple[int, int]] = {}

    def now_ms(self) -> int:
        return BASE_MS + self._universe.now_us // 1000 + self.offset_ms

    def call(self, name: str, *args: Any, **options: Any) -> Any:
        """Do this call of the port."""
        return done(getattr(self.world, name)(*args, **options))

    def commit(self, operations: Sequence[Operation]) -> list[Outcome]:
        for operation in operations:
            if isinstance(operation, Append) and self._poison(operation):
                raise ValueError(f"run {operation.run_id} can't be stored")
        before = [(self._waiting(operation), self._is_owners(operation)) for operation in operations]
        outcomes = done(self.world.commit(operations))
        for operation, outcome, (known, owners) in zip(operations, outcomes, before, strict=True):
            self._watch(operation, outcome, known)
            if isinstance(operation, Append) and isinstance(outcome, Appended) and not owners:
                self.watched.unowned.append(operation.run_id)
        return outcomes

    def commit_with(self, append: Append, booked: Sequence[Booked]) -> Outcome:
        """The append and these rows, or nothing."""
        [outcome] = self.commit([append])
        if isinstance(outcome, Appended):
            self.booked += booked
        return outcome

    def log(self, run_id: RunId) -> Log | None:
        return done(self.world.read_log(run_id))

    def older_log(self, run_id: RunId) -> Log | None:
        """The log without its last append, if that was a moment ago: what a snapshot taken before it would show."""
        log, (at_ms, seq) = self.log(run_id), self._appended.get(run_id, (0, 0))
        if log is None or self.now_ms() - at_ms > STALE_MS or seq < 2:
            return log
        return Log(run=log.run, rows=log.rows[: seq - 1])

    def runs(self) -> tuple[RunRecord, ...]:
        return done(self.world.list_runs(RunFilter(limit=1_000_000))).runs

    def mail(self, run_id: RunId) -> tuple[Letter, ...]:
        return done(self.world.read_mail(run_id))

    def streams(self, run_id: RunId) -> dict[str, StreamPage]:
        """The run's streams as they are now, whole."""
        known = done(self.world.streams.list(run_id))
        pages = {record.stream: done(self.world.streams.read(run_id, record.stream, 0, 1_000_000)) for record in known}
        return {name: page for name, page in pages.items() if page is not None}

    def knows(self, token: str) -> bool:
        """Whether a hook with this token was ever registered."""
        return self._switchboard.knows(token_hash(token))

    def is_live(self, worker_id: WorkerId) -> bool:
        """Whether the worker's lease is live now, by the store's clock."""
        found = [worker for worker in done(self.world.workers()) if worker.worker_id == worker_id]
        return bool(found) and found[0].leased

    # -- inside

    def _is_owners(self, operation: Operation) -> bool:
        """Whether an append comes from the run's owner, or takes the run over."""
        if not isinstance(operation, Append) or operation.seize:
            return True
        run = done(self.world.read_run(operation.run_id))
        return run is not None and (run.owner, run.epoch) == (operation.owner, operation.epoch)

    def _waiting(self, operation: Operation) -> dict[MailId, RunRecord | None]:
        """The runs to which this operation writes letters that they don't have yet, as they stand; None: unborn."""
        letters = operation.letters if isinstance(operation, Append) else ()
        if isinstance(operation, Send):
            letters = (operation.letter,)
        new: dict[MailId, RunRecord | None] = {}
        for letter in letters:
            run = done(self.world.read_run(letter.run_id))
            if not done(self.world.has_mail(letter.run_id, letter.mail_id)):
                new[letter.mail_id] = run
        return new

    def _watch(self, operation: Operation, outcome: Outcome, known: dict[MailId, RunRecord | None]) -> None:
        match operation:
            case Start() if operation.owner is not None and getattr(outcome, "owned", False):
                if getattr(outcome, "created", False) and not self.is_live(operation.owner):
                    self.watched.born_dead.append(operation.run_id)
            case Append() if isinstance(outcome, Appended):
                for child in operation.children:
                    if child.run_id in outcome.born and child.owner is not None and not self.is_live(child.owner):
                        self.watched.born_dead.append(child.run_id)
                self._switchboard.appended(operation, outcome.conflicts)
                if operation.rows:
                    self._appended[operation.run_id] = (self.now_ms(), operation.seq)
                for letter in operation.letters:
                    if letter.mail_id in known and done(self.world.has_mail(letter.run_id, letter.mail_id)):
                        self._accepted(letter, known[letter.mail_id])
            case Send() if isinstance(outcome, Sent) and operation.letter.mail_id in known:
                if operation.hook is not None:
                    self._switchboard.accepted(operation.letter.run_id, operation.hook)
                self._accepted(operation.letter, known[operation.letter.mail_id])
            case _:
                pass

    def _accepted(self, letter: Letter, run: RunRecord | None) -> None:
        self.watched.accepted.setdefault(letter.run_id, []).append(letter)
        if letter.kind == "cancel_requested" and run is not None and run.status == "pending" and run.epoch == 0:
            self.watched.early.add(letter.run_id)
