"""What a World commits: appends, starts and mail, many in one transaction, each refused or done by itself.

A commit is atomic as a whole in the store, but one operation's refusal never takes another with it: a refused operation
has written nothing, the others have written all of theirs.
"""

from enum import Enum

from msgspec import Struct

from perdure.model.ids import RunId, WorkerId
from perdure.model.status import Status
from perdure.world.hook import HookChange
from perdure.world.log import NewRow
from perdure.world.mail import Letter
from perdure.world.stream import NewChunks


class Start(Struct, frozen=True, gc=False, kw_only=True):
    """A new run: its row and its `run_created` event at seq 1.

    `owner`, if given, owns it at birth with epoch 1, provided that its lease is live in the same transaction: then
    `started` (the payload of `run_started`) is appended too, and the status is `running`. Else the run is `pending`,
    without an owner, and claimable from `wake_at_ms` (None: at once). A run with this id exists already: nothing is
    written, and the outcome says how it stands (a second try is harmless). `idempotency_key` belongs to another run:
    nothing is written, and the outcome names that run. `pin`: the deployment whose workers alone may claim it; empty: any.
    """

    run_id: RunId
    workflow: str
    created: bytes
    started: bytes
    owner: WorkerId | None = None
    wake_at_ms: int | None = None
    idempotency_key: str | None = None
    parent_id: RunId | None = None
    root_id: RunId | None = None
    attributes: dict[str, str] = {}
    deployment: str = ""
    pin: str = ""


class Append(Struct, frozen=True, gc=False, kw_only=True):
    """Rows for the end of one run's log, with everything that must be true together with them.

    Refused (and nothing of it written) unless `owner` and `epoch` are the run's and `seq` is its length + 1.
    `status`: the run's new status, None leaves it. An ended status clears owner and wake-up, and is refused while the
    run has mail beyond `mail_taken`. "blocked" clears owner and wake-up too, and keeps the mail.
    `release`: the owner gives the run up, claimable from `wake_at_ms` on (None: only by mail); refused while the run has
    mail beyond `mail_taken`, unless `hand_back` (a draining worker: then it is claimable by that mail at once).
    `due_ms`: the latest due time among the waits that this append completes; refused while the store's clock is before it.
    `mail_taken`: letters that became rows here, removed from the inbox.
    `letters`: mail for other runs; dropped in silence where the run isn't alive or has had it. Where `owner` owns that run
    too it looks for the letter itself, and nobody is given a hint.
    `children`: runs to start, their first events at this append's `at`; one whose key is taken is not started, and the
    outcome says who has it.
    `attributes`: changes, None removes. `pin`: the run's new one (see `Start`), None leaves it.
    `hooks`: first the reopenings, then registrations and closings in order. `all_mail`: refused while the run has mail
    beyond `mail_taken`.
    `chunks`: for streams, in order, before the run's end closes them; `writes` must then be the number of appends with
    chunks that the run has had (also where all of these were refused), so that a second try is refused for its place.
    An end closes the run's hooks and streams; the streams that it closed are open again where a seizure makes it run,
    those that a writer closed are not.
    `turn_completed` resets the count of deaths; `probation` sets its flag (see `Claimed`).
    `times_ms`: the `at` of each row, where they were taken over from another run's log; empty: by the store's clock.
    `seize`: instead of `owner`, take the run over: only `epoch` and (of an append with rows) `seq` are compared, the
    epoch is raised by one
    before the rows are written, nobody owns the run afterwards, and (where it hasn't ended or blocked) it is claimable
    from `wake_at_ms` (None: at once). An ended run can be seized only where `status` says that it runs again.
    """

    run_id: RunId
    owner: WorkerId
    epoch: int
    seq: int
    rows: tuple[NewRow, ...]
    status: Status | None = None
    release: bool = False
    hand_back: bool = False
    wake_at_ms: int | None = None
    due_ms: int = 0
    mail_taken: tuple[str, ...] = ()
    letters: tuple[Letter, ...] = ()
    children: tuple[Start, ...] = ()
    attributes: dict[str, str | None] = {}
    pin: str | None = None
    hooks: tuple[HookChange, ...] = ()
    chunks: tuple[NewChunks, ...] = ()
    writes: int = 0
    all_mail: bool = False
    turn_completed: bool = False
    probation: bool = False
    times_ms: tuple[int, ...] = ()
    seize: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it does nothing but add rows. `due_ms` may still refuse it."""
        return self.is_simple and not self.stands_otherwise

    @property
    def stands_otherwise(self) -> bool:
        """Whether it says how the run stands, or asks more of it than that its log is as long as it should be."""
        return self.status is not None or self.release or self.all_mail

    @property
    def is_simple(self) -> bool:
        """Whether it adds rows and says how the run stands, and no more. Mail may still refuse it, and `due_ms`."""
        return not (self.mail_taken or self.hooks) and self.is_private

    @property
    def is_private(self) -> bool:
        """Whether it brings nothing for others, and asks nothing of its run but its log, its inbox and its hooks."""
        return not (
            self.seize
            or self.letters
            or self.children
            or self.attributes
            or self.pin is not None
            or self.chunks
            or self.probation
            or self.times_ms
        )


class Send(Struct, frozen=True, gc=False, kw_only=True):
    """A letter from outside. Accepted where the run is alive (pending, running, blocked), and `hook`, if given, is the
    key of an open hook of it that hasn't expired.

    A letter whose id the run's inbox or log has is not written again, and it is accepted all the same, whatever has become
    of the hook and of the run. Refused: UNKNOWN, then ENDED, then HOOK.
    `owner`: the sender's own worker. Where it owns the run, it looks for the letter when it hears the outcome, and nobody
    is given a hint.
    """

    letter: Letter
    hook: str | None = None
    owner: WorkerId | None = None


Operation = Append | Start | Send


class Appended(Struct, frozen=True, gc=False, kw_only=True):
    """`at_ms`: the `at` of all its rows (without `times_ms`), never before the run's last. `mail`: letters waiting after it.

    `existing`: for children whose key was taken, the run that has it, by the child's own id. `born`: the children that
    were made, and are owned by the worker that was asked for. `conflicts`: rows (by their place in the append) that
    became `hook_conflict`, and whose run has the token. `refused`: the places of `chunks` that were refused alone. `near`:
    the runs that got one of its letters, and are its owner's own.
    """

    at_ms: int
    mail: int
    existing: dict[RunId, RunId] = {}
    born: tuple[RunId, ...] = ()
    conflicts: dict[int, RunId] = {}
    refused: tuple[int, ...] = ()
    near: tuple[RunId, ...] = ()


class Started(Struct, frozen=True, gc=False, kw_only=True):
    """`run_id` is the run now behind the id or the key; `created` says whether this start made it.

    `owned`: born with the owner that was asked for, or (second try) owned by it now with epoch 1.
    """

    run_id: RunId
    created: bool
    owned: bool
    at_ms: int


class Sent(Struct, frozen=True, gc=False, kw_only=True):
    """The letter waits in the inbox, or was there before.

    `mail`: where it has just come in, and the run is owned by the `owner` of the send, the letters that wait, this among
    them; else 0. With 1, all that were accepted before it are in the log.
    """

    mail: int = 0


class Refusal(Enum):
    """Why nothing of an operation was written."""

    FENCED = "another owner, or none, or a later epoch"
    PLACE = "the log is longer or shorter than the append's seq says"
    MAIL = "letters wait that the append does not take"
    EARLY = "a wait is not due by the store's clock"
    ENDED = "the run has ended"
    UNKNOWN = "no such run"
    HOOK = "the hook is not there, closed, or expired"


class Refused(Struct, frozen=True, gc=False, kw_only=True):
    """`now_ms` is the store's clock, for EARLY."""

    refusal: Refusal
    now_ms: int = 0


Outcome = Appended | Started | Sent | Refused
